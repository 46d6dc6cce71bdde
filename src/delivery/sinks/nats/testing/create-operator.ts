import { nkeys } from '@nats-io/transport-node';

type KeyPair = ReturnType<typeof nkeys.createUser>;

const encoder = new TextEncoder();
const base64url = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** An operator with an account and a user, as `nsc` makes them: the server's settings, and the text of the user's `.creds` file. */
export function createOperator(): { readonly settings: string; readonly credentials: string } {
  const [operator, account, user] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createUser()];
  const system = nkeys.createAccount();
  const unlimited = { subs: -1, data: -1, payload: -1 };
  const accountLimits = { ...unlimited, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
  const storage = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };
  const operatorToken = sign(operator, operator, { type: 'operator' });
  const accountToken = sign(operator, account, { type: 'account', limits: { ...accountLimits, ...storage } });
  const systemToken = sign(operator, system, { type: 'account', limits: accountLimits });
  const userToken = sign(account, user, { type: 'user', pub: {}, sub: {}, ...unlimited });
  const seed = new TextDecoder().decode(user.getSeed());
  return {
    settings: `operator: ${operatorToken}
system_account: ${system.getPublicKey()}
resolver: MEMORY
resolver_preload: { ${account.getPublicKey()}: ${accountToken}, ${system.getPublicKey()}: ${systemToken} }`,
    credentials: `-----BEGIN NATS USER JWT-----
${userToken}
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
${seed}
------END USER NKEY SEED------
`,
  };
}

function sign(issuer: KeyPair, subject: KeyPair, claims: Readonly<Record<string, unknown>>): string {
  const key = subject.getPublicKey();
  const body = { jti: key, iat: 1_800_000_000, iss: issuer.getPublicKey(), name: key, sub: key };
  const text = `${base64url({ typ: 'JWT', alg: 'ed25519-nkey' })}.${base64url({ ...body, nats: { ...claims, version: 2 } })}`;
  return `${text}.${Buffer.from(issuer.sign(encoder.encode(text))).toString('base64url')}`;
}
