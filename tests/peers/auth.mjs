// Sends the TypeScript SDK's `auth()` against MCP servers, and prints what it sent.
//
//     node auth.mjs PATH_OF_auth.js URL [URL ...]
//
// One line of JSON for each URL: {requests, error}. The flow ends where the browser would open.

import { pathToFileURL } from 'node:url';

const [sdk, ...urls] = process.argv.slice(2);
const { auth, extractWWWAuthenticateParams } = await import(pathToFileURL(sdk));
const REDIRECT = 'http://127.0.0.1:39999/callback';
const OPENING = JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '0' } }
});

function provider(kept) {
  return {
    get redirectUrl() { return REDIRECT; },
    get clientMetadata() {
      return { redirect_uris: [REDIRECT], client_name: 'test', token_endpoint_auth_method: 'none' };
    },
    state: () => 'state',
    clientInformation: () => kept.client,
    saveClientInformation: client => { kept.client = client; },
    tokens: () => undefined,
    saveTokens: () => {},
    redirectToAuthorization: url => { kept.authorization = Object.fromEntries(url.searchParams); },
    saveCodeVerifier: () => {},
    codeVerifier: () => 'verifier',
    saveDiscoveryState: () => {},
    discoveryState: () => undefined
  };
}

for (const url of urls) {
  const requests = [];
  const noted = async (input, init) => {
    requests.push(`${(init?.method ?? 'GET').toUpperCase()} ${new URL(input)}`);
    return fetch(input, { ...init, signal: AbortSignal.timeout(10000) });
  };
  const kept = {};
  let error = '';
  try {
    const opened = await fetch(url, {
      method: 'POST',
      headers: { Accept: 'application/json, text/event-stream', 'Content-Type': 'application/json' },
      body: OPENING
    });
    const { resourceMetadataUrl, scope } = extractWWWAuthenticateParams(opened);
    await auth(provider(kept), { serverUrl: url, resourceMetadataUrl, scope, fetchFn: noted });
  } catch (thrown) {
    error = `${thrown?.name === 'Error' ? thrown.constructor.name : thrown?.name}: ${thrown?.message}`;
  }
  console.log(JSON.stringify({ requests, error, authorization: kept.authorization ?? {} }));
}
