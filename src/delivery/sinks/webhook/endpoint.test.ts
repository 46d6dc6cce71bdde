import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { addressKind, createAddressRule } from './address-rules.ts';
import { parseEndpoint } from './endpoint.ts';

const strict = { allowHttp: true, mayConnect: createAddressRule(false) };

/** Hosts that are an address which is not public, in every spelling that some resolver or parser understands. */
const privateSpellings: readonly string[] = [
  // 127.0.0.1
  '127.0.0.1',
  '127.0.0.1.',
  '127.1',
  '127.0.1',
  '127.255.255.254',
  '2130706433',
  '0x7f000001',
  '0X7F000001',
  '017700000001',
  '0x7f.0.0.1',
  '0x7f.1',
  '0177.0.0.1',
  '0177.0.0.0x1',
  '00000177.0.0.1',
  '127.0x0.0.01',
  '%31%32%37.0.0.1',
  '１２７.０.０.１',
  '127。0。0。1',
  '127．0．0．1',
  '①②⑦.0.0.1',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[0000:0000:0000:0000:0000:0000:0000:0001]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::FFFF:7F00:0001]',
  '[0:0:0:0:0:ffff:127.0.0.1]',
  '[::127.0.0.1]',
  '[64:ff9b::127.0.0.1]',
  '[64:ff9b::7f00:1]',
  '[2002:7f00:1::]',
  // 0.0.0.0, which connects to this machine
  '0',
  '0.0.0.0',
  '0x0',
  '00',
  '[::]',
  '[::ffff:0.0.0.0]',
  // Private networks
  '10.0.0.1',
  '10.1',
  '0xa000001',
  '167772161',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.0.1',
  '192.168.257',
  '3232235521',
  '100.64.0.1',
  '100.127.255.255',
  '[::ffff:10.0.0.1]',
  '[64:ff9b::a00:1]',
  '[64:ff9b:1::a00:1]',
  '[2002:a00:1::]',
  '[fc00::1]',
  '[fd12:3456:789a::1]',
  '[fec0::1]',
  // Link-local, and with it the metadata of clouds
  '169.254.169.254',
  '2852039166',
  '0xa9fea9fe',
  '169.254.43518',
  '0251.0376.0251.0376',
  '[::ffff:a9fe:a9fe]',
  '[64:ff9b::a9fe:a9fe]',
  '[fe80::1]',
  '[febf::1]',
  '[fd00:ec2::254]',
  // Multicast, broadcast, reserved, documentation
  '224.0.0.1',
  '239.255.255.250',
  '255.255.255.255',
  '240.0.0.1',
  '192.0.0.8',
  '192.0.2.1',
  '192.88.99.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '[ff02::1]',
  '[2001:db8::1]',
  '[2001::1]',
  '[2002::1]',
  '[3fff::1]',
  '[100::1]',
  '[4000::1]',
];

/** What no parser may take for an address of anybody. */
const noUrls: readonly string[] = [
  '256.0.0.1',
  '127.0.0.1%00',
  '127.0.0.1%2f',
  '1.2.3.4.5',
  '0x7f000001ff',
  '[fe80::1%25eth0]',
  '[fe80::1%eth0]',
  '[::ffff:127.0.0.256]',
  '127.0.0.1 ',
  'a b',
  '',
];

describe('an endpoint', () => {
  for (const host of privateSpellings) {
    test(`at ${host} is refused before anything is sent`, () => {
      assert.throws(() => parseEndpoint(`http://${host}/hooks`, strict), { code: 'HW-WEBHOOK-002' });
      assert.throws(() => parseEndpoint(`https://${host}:8443/`, strict), { code: 'HW-WEBHOOK-002' });
    });
  }

  for (const host of noUrls) {
    test(`at ${JSON.stringify(host)} is no endpoint`, () => {
      assert.throws(() => parseEndpoint(`http://${host}:80/hooks`, strict), { code: 'HW-WEBHOOK-001' });
    });
  }

  test('is taken at a public address and under a name, whose addresses are checked when it is connected', () => {
    const taken = [
      '1.1.1.1',
      '8.8.8.8',
      '172.15.255.255',
      '172.32.0.1',
      '100.63.255.255',
      '100.128.0.1',
      '169.253.0.1',
    ];
    const taken6 = ['[2606:4700:4700::1111]', '[::ffff:8.8.8.8]', '[64:ff9b::808:808]', '[2a00::1]'];
    for (const host of [...taken, ...taken6]) {
      assert.notEqual(parseEndpoint(`https://${host}/`, strict).address, undefined, host);
    }
    for (const host of [
      'hooks.example.com',
      'localhost',
      'localhost.',
      'metadata.google.internal',
      '127.0.0.1.nip.io',
    ]) {
      assert.equal(parseEndpoint(`https://${host}/`, strict).address, undefined, host);
    }
  });

  test('without TLS, with credentials, with a fragment or of another scheme is refused', () => {
    const rules = { ...strict, allowHttp: false };
    const refused = [
      'http://hooks.example.com/',
      'ftp://hooks.example.com/',
      'file:///etc/passwd',
      'javascript:alert(1)',
    ];
    for (const url of [...refused, 'https://user@example.com/', 'https://u:p@example.com/', 'https://example.com/#a']) {
      assert.throws(() => parseEndpoint(url, rules), { code: 'HW-WEBHOOK-001' }, url);
    }
    // What looks like a public host in front of an @ is a user name.
    assert.throws(() => parseEndpoint('https://example.com@127.0.0.1/', rules), { code: 'HW-WEBHOOK-001' });
  });

  test('keeps the query, which may hold a token, out of what is shown', () => {
    const { target, url } = parseEndpoint('https://hooks.example.com/a?token=abc', strict);
    assert.equal(target, 'https://hooks.example.com/a');
    assert.equal(url.search, '?token=abc');
  });
});

describe('the rule of addresses', () => {
  test('permits the own machine and network with `true`, and never link-local, multicast or reserved addresses', () => {
    const rule = createAddressRule(true);
    for (const address of ['127.0.0.1', '::1', '10.0.0.1', '192.168.1.1', 'fd00::1', '::ffff:10.0.0.1', '8.8.8.8']) {
      assert.ok(rule(address), address);
    }
    for (const address of ['169.254.169.254', '::ffff:169.254.169.254', 'fe80::1', '224.0.0.1', '0.0.0.0', '::']) {
      assert.ok(!rule(address), address);
    }
  });

  test('permits blocks that are named, whatever they are, and nothing beside them', () => {
    const rule = createAddressRule(['10.2.0.0/16', '169.254.7.7', 'fd00:1::/32']);
    for (const address of ['10.2.0.1', '10.2.255.255', '::ffff:10.2.0.1', '169.254.7.7', 'fd00:1::5', '8.8.8.8']) {
      assert.ok(rule(address), address);
    }
    for (const address of ['10.3.0.1', '169.254.7.8', 'fd00:2::5', '127.0.0.1']) assert.ok(!rule(address), address);
    for (const block of ['10.2.0.0/33', '10.2', 'example.com', '10.0.0.0/8/8', '10.0.0.0/', 'fe80::1%eth0', '::/129']) {
      assert.throws(() => createAddressRule([block]), { code: 'HW-WEBHOOK-001' }, block);
    }
  });

  test('judges an IPv4 address the same in its own form, mapped into IPv6, and behind NAT64', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        const kind = addressKind(address);
        assert.notEqual(kind, undefined);
        assert.equal(addressKind(`::ffff:${address}`), kind);
        assert.equal(addressKind(`64:ff9b::${address}`), kind);
      }),
      { numRuns: 2000 },
    );
  });

  test('takes for public in IPv6 only what is assigned as such', () => {
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        const first = Number.parseInt(new URL(`http://[${address}]`).hostname.slice(1).split(':')[0] || '0', 16);
        const isGlobal = first >= 0x2000 && first <= 0x3fff;
        const holdsIpv4 = /^(?:::ffff:|64:ff9b::)/.test(new URL(`http://[${address}]`).hostname.slice(1));
        if (addressKind(address) === 'public') assert.ok(isGlobal || holdsIpv4, address);
      }),
      { numRuns: 2000 },
    );
  });

  test('knows no address in what is none, or names an interface', () => {
    for (const text of ['', 'localhost', '127.1', '0x7f.1', 'fe80::1%eth0', '::1%lo', '1.2.3.4.5', '[::1]']) {
      assert.equal(addressKind(text), undefined, text);
      assert.equal(createAddressRule(true)(text), false, text);
    }
  });
});
