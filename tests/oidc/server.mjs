// An authorization server on loopback that asks nobody: node server.mjs SETTINGS, with SETTINGS as JSON:
//
//   module          path of oidc-provider's entry
//   resource        the one resource that tokens are issued for
//   scope           what that resource knows
//   format          "jwt" or "opaque": what access tokens look like
//   clients         those that are registered by hand
//   lifetime        seconds that an access token works
//
// It writes its issuer on stdout once it listens, and ends when stdin does.

import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { pathToFileURL } from "node:url";

const settings = JSON.parse(process.argv[2]);
const { Provider, errors } = await import(pathToFileURL(settings.module).href);

const server = createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: settings.clients,
  cookies: { keys: ["only for tests"] },
  jwks: { keys: [generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" })] },
  scopes: ["openid", "offline_access"],
  pkce: { required: () => true },
  responseTypes: ["code"],
  rotateRefreshToken: true,
  issueRefreshToken: (ctx, client) => client.grantTypeAllowed("refresh_token"),
  expiresWithSession: () => false,
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  ttl: {
    AccessToken: settings.lifetime,
    ClientCredentials: settings.lifetime,
    Grant: 3600,
    IdToken: 3600,
    Interaction: 600,
    RefreshToken: 3600,
    Session: 3600,
  },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: () => true },
    registration: { enabled: true },
    registrationManagement: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (ctx, resource) => {
        if (resource !== settings.resource) throw new errors.InvalidTarget();
        return {
          scope: settings.scope,
          audience: resource,
          accessTokenFormat: settings.format,
          accessTokenTTL: settings.lifetime,
        };
      },
    },
    userinfo: { enabled: true },
    revocation: { enabled: true, allowedPolicy: (ctx, client, token) => token.clientId === client.clientId },
  },
});

// Log somebody in, then grant all that was asked for.
async function consent(request, response) {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (prompt.name === "login") {
    await provider.interactionFinished(request, response, { login: { accountId: "somebody" } });
    return;
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope((prompt.details.missingOIDCScope ?? []).join(" "));
  for (const [resource, scopes] of Object.entries(prompt.details.missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(" "));
  }
  const grantId = await grant.save();
  await provider.interactionFinished(request, response, { consent: { grantId } }, { mergeWithLastSubmission: true });
}

const callback = provider.callback();
server.on("request", (request, response) => {
  if (!request.url.startsWith("/interaction/")) {
    callback(request, response);
    return;
  }
  consent(request, response).catch((error) => {
    response.writeHead(500, { "Content-Type": "text/plain" });
    response.end(String(error));
  });
});
provider.on("server_error", (ctx, error) => console.error(error));

console.log(JSON.stringify({ issuer }));
process.stdin.on("end", () => process.exit()).resume();
