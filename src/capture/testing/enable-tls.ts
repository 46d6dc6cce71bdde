import { chmod, chown, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { EmbeddedPostgres } from '../../postgres/embedded-server.ts';
import { testCertificate, testCertificateKey } from './test-certificate.ts';

/** Gives the server its certificate; resolves with the file to trust. */
export async function enableTls(server: EmbeddedPostgres): Promise<string> {
  const dataDirectory = join(server.directory, 'data');
  const { uid, gid } = await stat(dataDirectory);
  for (const [name, text] of [
    ['server.crt', testCertificate],
    ['server.key', testCertificateKey],
  ] as const) {
    const path = join(dataDirectory, name);
    await writeFile(path, text);
    await chmod(path, 0o600);
    await chown(path, uid, gid);
  }
  await server.restart({ settings: { ssl: 'on', ssl_cert_file: 'server.crt', ssl_key_file: 'server.key' } });
  return join(dataDirectory, 'server.crt');
}
