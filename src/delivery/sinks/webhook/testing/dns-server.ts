import { createSocket, type Socket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import type { WebhookLookup } from '../guarded-lookup.ts';

/** A name server on loopback: each question for an IPv4 address gets the next answer of its list, with a TTL of 0. */
export class DnsServer implements AsyncDisposable {
  readonly #socket: Socket = createSocket('udp4');
  readonly #answers: (readonly string[])[];
  #questionCount = 0;

  private constructor(answers: readonly (readonly string[])[]) {
    this.#answers = [...answers];
    this.#socket.on('message', (question, { port, address }) => {
      this.#questionCount += 1;
      const answer = this.#answers.length > 1 ? this.#answers.shift() : this.#answers[0];
      this.#socket.send(encodeAnswer(question, answer ?? []), port, address);
    });
  }

  /** The last answer is given again and again. */
  static async start(answers: readonly (readonly string[])[]): Promise<DnsServer> {
    const server = new DnsServer(answers);
    server.#socket.bind(0, '127.0.0.1');
    await once(server.#socket, 'listening');
    return server;
  }

  get questionCount(): number {
    return this.#questionCount;
  }

  /** Asks this server. */
  readonly lookup: WebhookLookup = (hostname) => {
    const resolver = new Resolver({ timeout: 2000, tries: 1 });
    resolver.setServers([`127.0.0.1:${this.#socket.address().port}`]);
    return resolver.resolve4(hostname);
  };

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#socket, 'close');
    this.#socket.close();
    await closed;
  }
}

/** RFC 1035, 4.1: the question's header with the bits of an answer, the question, and one A record for each address. */
function encodeAnswer(question: Buffer, addresses: readonly string[]): Buffer {
  const questionEnd = question.indexOf(0, 12) + 5;
  const head = Buffer.from(question.subarray(0, questionEnd));
  head.writeUint16BE(0x8180, 2);
  head.writeUint16BE(addresses.length, 6);
  head.writeUint16BE(0, 8);
  head.writeUint16BE(0, 10);
  const records = addresses.map((address) =>
    Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, ...address.split('.').map(Number)]),
  );
  return Buffer.concat([head, ...records]);
}
