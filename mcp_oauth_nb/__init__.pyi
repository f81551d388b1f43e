from mcp_oauth_nb.audit import Audit as Audit
from mcp_oauth_nb.debugger import Debugger as Debugger
from mcp_oauth_nb.demo import DemoServer as DemoServer
from mcp_oauth_nb.demo import PlainServer as PlainServer
from mcp_oauth_nb.errors import BadSetting as BadSetting
from mcp_oauth_nb.errors import CallbackTimeout as CallbackTimeout
from mcp_oauth_nb.errors import McpOAuthError as McpOAuthError
from mcp_oauth_nb.errors import NotOurs as NotOurs
from mcp_oauth_nb.errors import NotYet as NotYet
from mcp_oauth_nb.evidence.har import load_har as load_har
from mcp_oauth_nb.evidence.load import load as load
from mcp_oauth_nb.evidence.scrub import scrub as scrub
from mcp_oauth_nb.evidence.search import check as check
from mcp_oauth_nb.forms.form import OAuth2Form as OAuth2Form
from mcp_oauth_nb.keeping.tokens import tokens as tokens
from mcp_oauth_nb.oauth2 import OAuth2 as OAuth2
from mcp_oauth_nb.protocol.flow import Client as Client
from mcp_oauth_nb.protocol.grants import Enterprise as Enterprise
from mcp_oauth_nb.protocol.parameters import Parameter as Parameter
from mcp_oauth_nb.records import Exchange as Exchange
from mcp_oauth_nb.records import Trace as Trace
from mcp_oauth_nb.rules import diagnose as diagnose
from mcp_oauth_nb.rules.rule import Finding as Finding
from mcp_oauth_nb.rules.rule import Report as Report
from mcp_oauth_nb.single import metadata as metadata
from mcp_oauth_nb.single import request as request
from mcp_oauth_nb.widgets import FlowRunner as FlowRunner

__version__: str
__all__: list[str]
