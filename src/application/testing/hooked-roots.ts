import { MikroORM } from '@mikro-orm/postgresql';
import { type Transaction, Sequelize } from 'sequelize';
import { DataSource } from 'typeorm';

/** A library that runs code of the application behind the COMMIT of a transaction. */
export interface HookedRoot extends AsyncDisposable {
  readonly root: object;
  behindCommit: () => void;
  /** Takes the hook for this transaction, where the library has them for each. */
  arm(tx: unknown): void;
}

/** Each library that has such hooks. */
export const hookedRoots: Readonly<Record<string, (url: string) => Promise<HookedRoot>>> = {
  Sequelize: openSequelize,
  TypeORM: openTypeOrm,
  MikroORM: openMikroOrm,
};

const nothing = (): void => undefined;

async function openSequelize(url: string): Promise<HookedRoot> {
  const sequelize = new Sequelize(url, { dialect: 'postgres', logging: false });
  const hooked: HookedRoot = {
    root: sequelize,
    behindCommit: nothing,
    arm: (tx) => (tx as Transaction).afterCommit(() => hooked.behindCommit()),
    [Symbol.asyncDispose]: () => sequelize.close(),
  };
  return hooked;
}

async function openTypeOrm(url: string): Promise<HookedRoot> {
  const source = new DataSource({ type: 'postgres', url });
  await source.initialize();
  const hooked: HookedRoot = {
    root: source,
    behindCommit: nothing,
    arm: nothing,
    [Symbol.asyncDispose]: () => source.destroy(),
  };
  source.subscribers.push({ afterTransactionCommit: () => hooked.behindCommit() });
  return hooked;
}

async function openMikroOrm(url: string): Promise<HookedRoot> {
  const orm = await MikroORM.init({
    clientUrl: url,
    entities: [],
    discovery: { warnWhenNoEntities: false },
    logger: () => undefined,
  });
  const hooked: HookedRoot = {
    root: orm.em.fork(),
    behindCommit: nothing,
    arm: nothing,
    [Symbol.asyncDispose]: () => orm.close(),
  };
  orm.em.getEventManager().registerSubscriber({ afterTransactionCommit: () => hooked.behindCommit() });
  return hooked;
}
