import type {
  ReplicationConnection,
  StreamListener,
} from '../../src/capture/postgres/replication/replication-connection.ts';
import { readUint64 } from '../../src/capture/postgres/replication/wire.ts';
import type { SourceCatalog, WatchResult } from '../../src/capture/postgres/source/source-catalog.ts';
import type {
  PublicationFacts,
  PublishedTable,
  ServerFacts,
  SlotFacts,
} from '../../src/capture/postgres/source/source-facts.ts';
import { HeadwaterError } from '../../src/foundation/error.ts';
import { toLsn } from '../../src/model/lsn.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { SimulatedServer } from './simulated-server.ts';
import type { WalSender } from './wal-sender.ts';

const systemId = '7385000000000000001';
export const slotName = 'headwater_simulator';
export const publicationName = 'headwater';

/** What the client's side of the connections does, and what it is watched for. */
export interface SessionOptions {
  readonly server: SimulatedServer;
  /** Whose steps the answers are. */
  readonly owner: SimulatedProcess;
  /** Called before a message goes out: the process may be killed there. */
  readonly beforeSend: () => void;
  /** Called with every location that is confirmed, before the server hears of it. */
  readonly onConfirm: (confirmedLsn: bigint) => void;
}

/** Both sessions of capture with one simulated server, and how they end when their process does. */
export class SimulatedSessions {
  readonly #options: SessionOptions;
  readonly #open = new Set<WalSender>();
  /** Refuses everything until the scheduler lets the server come back. */
  isServerAway = false;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** The process was killed: the server learns of it later. */
  abandon(): void {
    for (const sender of this.#open) sender.abandon();
  }

  readonly openReplication = async (): Promise<ReplicationConnection> => {
    const { server, owner, beforeSend, onConfirm } = this.#options;
    await this.#call('connect for replication');
    const pid = server.assignPid();
    let sender: WalSender | undefined;
    const close = async (): Promise<void> => {
      if (sender === undefined) return;
      this.#open.delete(sender);
      sender.abandon();
      sender = undefined;
    };
    return {
      backendPid: pid,
      serverVersion: server.profile.sendsEmpty ? 140_018 : 180_002,
      sessionSettings: { DateStyle: 'ISO' },
      identifySystem: async () => {
        await this.#call('identify system');
        const { walSenderTimeoutMs } = server.profile;
        const walEndLsn = toLsn(server.walEnd);
        return { systemId, timeline: 1, walEndLsn, databaseName: 'shop', walSenderTimeoutMs };
      },
      createSlot: async (_name, tables) => {
        await this.#call('create slot');
        const { startLsn } = server.createSlot();
        await owner.step('answer to create slot');
        return { startLsn: toLsn(startLsn), holdsRows: tables.map(() => false) };
      },
      start: (_start, listener) => {
        const receiver = new Receiver(listener, () => sender?.wake());
        sender = server.connect(receiver, pid);
        this.#open.add(sender);
        const started = sender;
        owner.schedule('start replication', 0, () => started.start());
        return {
          pause: () => receiver.pause(),
          resume: () => receiver.resume(),
          send: (message) => {
            beforeSend();
            if (!owner.isAlive) return;
            const confirmedLsn = readUint64(message, 14);
            onConfirm(confirmedLsn);
            started.confirm(confirmedLsn, message[38] === 1);
          },
        };
      },
      close,
    };
  };

  readonly openCatalog = async (): Promise<SourceCatalog> => {
    await this.#call('connect for catalogs');
    const { server } = this.#options;
    const call = (label: string): Promise<void> => this.#call(label);
    let isOpen = true;
    return {
      get isOpen() {
        return isOpen;
      },
      readServer: () => call('read server').then(() => serverFacts(server)),
      readSlot: () => call('read slot').then(() => slotFacts(server)),
      readPublications: () => call('read publications').then(() => [publication]),
      readTables: () => call('read tables').then(() => [publishedTable]),
      readNamedTables: () => Promise.resolve([]),
      hasTable: () => call('look for a table').then(() => false),
      writeMark: () => Promise.reject(new Error('the simulated source has no snapshot')),
      createPublication: () => Promise.reject(new Error('the publication is there')),
      watch: async ({ canary }): Promise<WatchResult> => {
        await call('watch');
        if (canary !== undefined) {
          server.commitNow([{ kind: 'message', prefix: 'headwater:canary', content: canary }]);
        }
        await call('answer to watch');
        return { slot: slotFacts(server), publications: [publication], tablesDigest: 'one table' };
      },
      close: async () => {
        isOpen = false;
      },
    };
  };

  async #call(label: string): Promise<void> {
    await this.#options.owner.step(label);
    if (this.isServerAway) throw new HeadwaterError('HW-SOURCE-002', 'the simulated server is away');
  }
}

/** Passes bytes on while the client reads. */
class Receiver {
  readonly #listener: StreamListener;
  readonly #onResume: () => void;
  #isReading = false;
  #isClosed = false;

  constructor(listener: StreamListener, onResume: () => void) {
    this.#listener = listener;
    this.#onResume = onResume;
  }

  get isReading(): boolean {
    return this.#isReading;
  }

  pause(): void {
    this.#isReading = false;
  }

  resume(): void {
    this.#isReading = true;
    this.#onResume();
  }

  deliver(bytes: Buffer): void {
    this.#listener.bytes(bytes, bytes.length % 5 === 0);
  }

  closed(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#listener.closed(new HeadwaterError('HW-SOURCE-023', 'the simulated connection was cut'));
  }
}

function serverFacts(server: SimulatedServer): ServerFacts {
  return {
    systemId,
    isStandby: false,
    databaseName: 'shop',
    databaseOid: 16_384,
    walLevel: 'logical',
    versionText: server.profile.sendsEmpty ? '14.18' : '18.2',
    serverEncoding: 'UTF8',
    insertLsn: toLsn(server.walEnd),
    roleName: 'cdc',
    mayReplicate: true,
    bypassesRowSecurity: false,
    mayCreateInDatabase: true,
    mayEmit: true,
    mayEverybodyEmit: false,
    slotKeepSize: '-1',
    idleSlotTimeout: undefined,
    slotCount: 1,
    slotCountMax: 10,
    senderCount: 1,
    senderCountMax: 10,
  };
}

function slotFacts({ slot }: SimulatedServer): SlotFacts | undefined {
  if (slot === undefined) return undefined;
  return {
    slotName,
    plugin: 'pgoutput',
    slotType: 'logical',
    databaseName: 'shop',
    isTemporary: false,
    isTwoPhase: false,
    activePid: slot.holder?.pid,
    confirmedLsn: toLsn(slot.confirmedLsn),
    restartLsn: toLsn(slot.savedLsn),
    walStatus: 'reserved',
    invalidationReason: undefined,
    safeBytes: undefined,
    retainedBytes: undefined,
    unconfirmedBytes: undefined,
  };
}

const publication: PublicationFacts = {
  name: publicationName,
  oid: 16_500,
  isForAllTables: false,
  hasInsert: true,
  hasUpdate: true,
  hasDelete: true,
  hasTruncate: true,
  isViaRoot: false,
  publishesGenerated: undefined,
};

const publishedTable: PublishedTable = {
  publicationName,
  schemaName: 'public',
  tableName: 'rows',
  tableOid: 16_400,
  publishedAs: 'as made',
  identityKind: 'default',
  identityColumns: ['id'],
  columnCount: 3,
  publishedColumnCount: 3,
  unpublishedIdentityColumns: [],
  generatedCount: 0,
  maySelect: true,
  hasRowSecurity: false,
  byteCount: 0n,
  rowEstimate: -1,
};
