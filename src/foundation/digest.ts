/** SHA-256 by Web Crypto, which every runtime has: this file belongs to what an application imports at the edge. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await globalThis.crypto.subtle.digest('SHA-256', bytes));
}
