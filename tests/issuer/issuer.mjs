// An OpenID Connect issuer to sign in with, as the npm package oidc-provider makes one: node issuer.mjs SETTINGS.json.
//
// SETTINGS: {client, publicUrl, audience, people: {id: [role, …]}}. People sign in by their id and any password, in the package's
// own pages. Access tokens are JWT for `audience`, with the roles where Keycloak has them. Prints {"url", "jwks"} when it listens.

import { generateKeyPairSync, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const settings = JSON.parse(await readFile(process.argv[2], "utf8"));
const server = createServer();
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const url = `http://127.0.0.1:${server.address().port}`;

const key = { ...generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" }), kid: "k1", use: "sig", alg: "RS256" };
const claims = (id) => ({ email: `${id}@example.org`, email_verified: true });
const provider = new Provider(url, {
  clients: [
    {
      client_id: settings.client,
      redirect_uris: [`${settings.publicUrl}/sign-in/callback`],
      post_logout_redirect_uris: [`${settings.publicUrl}/signed-out`],
      backchannel_logout_uri: `${settings.publicUrl}/back-channel-logout`,
      backchannel_logout_session_required: true,
      token_endpoint_auth_method: "none",
      response_types: ["code"],
      grant_types: ["authorization_code"],
    },
  ],
  cookies: { keys: [randomBytes(32).toString("hex")] },
  jwks: { keys: [key] },
  pkce: { required: () => true },
  // The package's own way connects to no address of this machine, where the service is that logouts are told to.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  claims: { openid: ["sub"], email: ["email", "email_verified"] },
  findAccount: (_, id) => (settings.people[id] ? { accountId: id, claims: () => ({ sub: id, ...claims(id) }) } : undefined),
  extraTokenClaims: (_, token) => ({ ...claims(token.accountId), realm_access: { roles: settings.people[token.accountId] } }),
  features: {
    devInteractions: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    backchannelLogout: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => settings.audience,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({ audience: settings.audience, scope: "openid email", accessTokenFormat: "jwt", jwt: { sign: { alg: "RS256" } } }),
    },
  },
});
server.on("request", provider.callback());

const { kty, n, e, kid, use, alg } = key;
console.log(JSON.stringify({ url, jwks: { keys: [{ kty, n, e, kid, use, alg }] } }));
