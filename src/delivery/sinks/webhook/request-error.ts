import { HeadwaterError } from '../../../foundation/error.ts';

// Codes of certificates are OpenSSL's names: https://docs.openssl.org/3.5/man3/X509_STORE_CTX_get_error/
const tlsCode =
  /^(?:ERR_TLS_|ERR_SSL_|CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH_|HOSTNAME_MISMATCH|EPROTO$)/;

/**
 * Turns what the network or Node says of a request into a typed error. Whatever is not understood is a connection that failed:
 * whether the record arrived is not known, and it is sent again with the same id. Pure.
 */
export function toRequestError(thrown: unknown, target: string): HeadwaterError {
  if (thrown instanceof HeadwaterError) return thrown;
  const code = codeOf(thrown);
  const text = code ?? (thrown instanceof Error ? (thrown.message.split('\n', 1)[0] ?? '').slice(0, 200) : 'unknown');
  const options = { cause: thrown, details: code === undefined ? {} : { network: code } };
  if (code !== undefined && tlsCode.test(code)) {
    return new HeadwaterError('HW-WEBHOOK-003', `TLS with the endpoint ${target} fails: ${text}`, options);
  }
  if (code?.startsWith('HPE_') === true) {
    return new HeadwaterError('HW-WEBHOOK-010', `the endpoint ${target} does not answer in HTTP: ${text}`, options);
  }
  return new HeadwaterError('HW-SINK-001', `the request to ${target} failed: ${text}`, options);
}

/** Of several attempts to connect, Node throws an AggregateError with the code of the last. */
function codeOf(thrown: unknown): string | undefined {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined;
}
