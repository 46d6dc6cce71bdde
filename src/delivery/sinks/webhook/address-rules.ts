import { BlockList, isIP } from 'node:net';
import { HeadwaterError } from '../../../foundation/error.ts';

/*
 * Which addresses a webhook may be sent to. IANA's registries of special-purpose addresses, by kind:
 * https://www.iana.org/assignments/iana-ipv4-special-registry
 * https://www.iana.org/assignments/iana-ipv6-special-registry
 *
 * An IPv6 address that holds an IPv4 address inside (mapped, NAT64) is what the inner one is. 6to4 and Teredo are refused
 * altogether: both are given up, and both would carry a private address past a check of the outer one.
 */

/** What an address is for. Only `public` is reached by default. */
export type AddressKind = 'public' | 'loopback' | 'private' | 'link-local' | 'multicast' | 'reserved';

type Block = readonly [kind: Exclude<AddressKind, 'public'>, address: string, prefix: number];

const blocks4: readonly Block[] = [
  ['reserved', '0.0.0.0', 8],
  ['private', '10.0.0.0', 8],
  ['private', '100.64.0.0', 10], // shared by the customers of a carrier, and by overlay networks
  ['loopback', '127.0.0.0', 8],
  ['link-local', '169.254.0.0', 16], // among them 169.254.169.254, which hands out credentials in clouds
  ['private', '172.16.0.0', 12],
  ['reserved', '192.0.0.0', 24],
  ['reserved', '192.0.2.0', 24],
  ['reserved', '192.88.99.0', 24],
  ['private', '192.168.0.0', 16],
  ['reserved', '198.18.0.0', 15],
  ['reserved', '198.51.100.0', 24],
  ['reserved', '203.0.113.0', 24],
  ['multicast', '224.0.0.0', 4],
  ['reserved', '240.0.0.0', 4],
];

const blocks6: readonly Block[] = [
  ['loopback', '::1', 128],
  ['private', 'fc00::', 7],
  ['link-local', 'fe80::', 10],
  ['multicast', 'ff00::', 8],
  ['reserved', '2001::', 23],
  ['reserved', '2001:db8::', 32],
  ['reserved', '2002::', 16],
  ['reserved', '3fff::', 20],
];

/** Everything else in IPv6 is not assigned to anybody. The second and third hold IPv4 addresses. */
const assigned6: readonly (readonly [address: string, prefix: number])[] = [
  ['2000::', 3],
  ['::ffff:0:0', 96],
  ['64:ff9b::', 96],
];

/** Of these, a general permission says nothing: who wants one names it. */
const kindsByPermission: ReadonlySet<AddressKind> = new Set<AddressKind>(['public', 'loopback', 'private']);

/** What the user permits besides public addresses: nothing, the own machine and network, or blocks by name. */
export type PrivateAddresses = boolean | readonly string[];

/** What an address is for; undefined when the text is none, or names an interface as `fe80::1%eth0` does. Pure. */
export function addressKind(address: string): AddressKind | undefined {
  const family = familyOf(address);
  if (family === undefined) return undefined;
  if (family === 'ipv6' && !assigned.check(address, family)) {
    return find(address, family) ?? 'reserved';
  }
  return find(address, family) ?? 'public';
}

/**
 * Makes the rule of a sink: whether an address may be connected to.
 * @throws HW-WEBHOOK-001 for a block that is none
 */
export function createAddressRule(permitted: PrivateAddresses): (address: string) => boolean {
  const named = new BlockList();
  if (typeof permitted !== 'boolean') for (const block of permitted) addNamed(named, block);
  return (address) => {
    const kind = addressKind(address);
    if (kind === undefined) return false;
    if (kind === 'public' || (permitted === true && kindsByPermission.has(kind))) return true;
    return named.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6');
  };
}

function addNamed(list: BlockList, block: string): void {
  const [address = '', length, ...rest] = block.split('/');
  const family = familyOf(address);
  const longest = family === 'ipv4' ? 32 : 128;
  const prefix = length === undefined ? longest : Number(length);
  const isPrefix = length === undefined || /^\d{1,3}$/.test(length);
  if (family === undefined || rest.length > 0 || !isPrefix || prefix > longest) {
    const message = `the option "allowPrivateAddresses" of the webhook sink holds "${block.slice(0, 60)}", which is no block such as 10.2.0.0/16`;
    throw new HeadwaterError('HW-WEBHOOK-001', message, { details: { option: 'allowPrivateAddresses' } });
  }
  list.addSubnet(address, prefix, family);
}

function familyOf(address: string): 'ipv4' | 'ipv6' | undefined {
  if (address.includes('%')) return undefined;
  const version = isIP(address);
  if (version === 0) return undefined;
  return version === 4 ? 'ipv4' : 'ipv6';
}

function find(address: string, family: 'ipv4' | 'ipv6'): AddressKind | undefined {
  for (const [kind, list] of byKind) if (list.check(address, family)) return kind;
  return undefined;
}

const assigned: BlockList = new BlockList();
for (const [address, prefix] of assigned6) assigned.addSubnet(address, prefix, 'ipv6');

const byKind: ReadonlyMap<AddressKind, BlockList> = collectBlocks();

function collectBlocks(): ReadonlyMap<AddressKind, BlockList> {
  const lists = new Map<AddressKind, BlockList>();
  const listOf = (kind: AddressKind): BlockList => {
    const list = lists.get(kind) ?? new BlockList();
    lists.set(kind, list);
    return list;
  };
  for (const [kind, address, prefix] of blocks6) listOf(kind).addSubnet(address, prefix, 'ipv6');
  for (const [kind, address, prefix] of blocks4) {
    // Covers the mapped form too: a BlockList looks an address of ::ffff:0:0/96 up as the one that it holds.
    listOf(kind).addSubnet(address, prefix, 'ipv4');
    listOf(kind).addSubnet(`64:ff9b::${address}`, 96 + prefix, 'ipv6');
  }
  return lists;
}
