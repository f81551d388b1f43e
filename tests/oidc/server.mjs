// An authorization server on loopback that asks nobody: node server.mjs SETTINGS, with SETTINGS as JSON:
//
//   module          path of oidc-provider's entry
//   resource        the one resource that tokens are issued for
//   scope           what that resource knows
//   format          "jwt" or "opaque": what access tokens look like
//   clients         those that are registered by hand
//   lifetime        seconds that an access token works
//   proofs          what DPoP proofs may be signed with, each with a nonce (RFC 9449); empty without DPoP
//   hasty           the client whose device codes are good for a second
//
// Beside the endpoints of the library there is an API that wants a token: /api takes opaque access tokens and ID tokens.
// It writes its issuer on stdout once it listens, and ends when stdin does.

import { generateKeyPairSync, randomBytes } from "node:crypto";
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
  enabledJWA: settings.proofs.length ? { dPoPSigningAlgValues: settings.proofs } : {},
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  ttl: {
    AccessToken: settings.lifetime,
    ClientCredentials: settings.lifetime,
    DeviceCode: (ctx, token, client) => (client.clientId === settings.hasty ? 1 : 600),
    Grant: 3600,
    IdToken: 3600,
    Interaction: 600,
    RefreshToken: 3600,
    Session: 3600,
  },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    dPoP: { enabled: settings.proofs.length > 0, nonceSecret: randomBytes(32), requireNonce: () => true },
    deviceFlow: { enabled: true },
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

// Who a token speaks for; nobody where it is none of ours or no longer good.
async function speaksFor(token) {
  const found = (await provider.AccessToken.find(token)) ?? (await provider.ClientCredentials.find(token));
  if (found) return found.accountId ?? found.clientId;
  const audience = token.split(".").length === 3 && JSON.parse(Buffer.from(token.split(".")[1], "base64url")).aud;
  const client = audience && (await provider.Client.find(audience));
  return client && (await provider.IdToken.validate(token, client)).payload.sub;
}

async function api(request, response) {
  const token = (request.headers.authorization ?? "").replace(/^Bearer /, "");
  const who = token && (await speaksFor(token));
  const headers = { "Content-Type": "application/json", "Cache-Control": "no-store" };
  if (who) {
    response.writeHead(200, headers).end(JSON.stringify({ hello: who }));
    return;
  }
  const challenge = `Bearer realm="api"${token ? ', error="invalid_token"' : ""}`;
  response.writeHead(401, { ...headers, "WWW-Authenticate": challenge }).end(JSON.stringify({ error: "invalid_token" }));
}

const callback = provider.callback();
server.on("request", (request, response) => {
  const answer = request.url.startsWith("/interaction/") ? consent : request.url === "/api" ? api : undefined;
  if (answer === undefined) {
    callback(request, response);
    return;
  }
  answer(request, response).catch((error) => {
    response.writeHead(500, { "Content-Type": "text/plain" });
    response.end(String(error));
  });
});
provider.on("server_error", (ctx, error) => console.error(error));

console.log(JSON.stringify({ issuer }));
process.stdin.on("end", () => process.exit()).resume();
