import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compileNetworks } from '../../src/context/networks.ts';

const cases: [networks: string[], inside: string[], outside: string[]][] = [
  [
    ['192.168.3.0/24'],
    ['192.168.3.0', '192.168.3.255', '::ffff:192.168.3.9'],
    ['192.168.4.1', '::1'],
  ],
  [['2001:db8::/32'], ['2001:db8:1::1'], ['2001:db9::1', '1.2.3.4']],
  [
    ['192.168.3.67', '::5'],
    ['192.168.3.67', '::5'],
    ['192.168.3.68', '::6'],
  ],
  [['0.0.0.0/0'], ['1.2.3.4'], ['::1', '', 'no address', '1.2.3']],
  [['loopback'], ['127.0.0.1', '127.9.9.9', '::1'], ['128.0.0.1', '::2']],
  [
    ['unicast'],
    ['8.8.8.8', '10.1.1.1', '2001:db8::1'],
    ['255.255.255.255', '224.0.0.1', '::1', '0.0.0.0', 'fe80::1', 'junk'],
  ],
  [['multicast'], ['224.0.0.1', '239.1.1.1', 'ff05::1'], ['223.255.255.255']],
  [['interface_local_multicast'], ['ff01::1'], ['ff02::1', '224.0.0.1']],
  [['link_local_unicast'], ['169.254.1.1', 'fe80::1', 'fe80::1%eth0'], ['169.253.1.1', 'fec0::1']],
  [['link_local_multicast'], ['224.0.0.5', 'ff02::1'], ['224.0.1.5', 'ff05::1']],
  [
    ['private'],
    ['10.0.0.1', '172.16.0.1', '172.31.0.1', '192.168.0.1', 'fd00::1'],
    ['172.32.0.1', '8.8.8.8'],
  ],
  [
    ['public'],
    ['8.8.8.8', '2606:4700::1'],
    ['10.0.0.1', '127.0.0.1', '169.254.0.1', '255.255.255.255', '::'],
  ],
  [['unspecified'], ['0.0.0.0', '::'], ['0.0.0.1']],
  [['192.168.3.0/24', '10.1.0.0/8', 'loopback'], ['192.168.3.1', '10.2.3.4', '::1'], ['11.0.0.1']],
];

for (const [networks, inside, outside] of cases) {
  test(networks.join(', '), () => {
    const isWithin = compileNetworks(networks);
    for (const address of inside) assert.ok(isWithin(address), address);
    for (const address of outside) assert.ok(!isWithin(address), address);
  });
}

test('what is no network is an error', () => {
  const wrong: [string, RegExp][] = [
    ['10.0.0.0/33', /"10.0.0.0\/33" has a bad prefix length; expected 0 to 32/],
    ['::/129', /expected 0 to 128/],
    ['10.0.0.0/x', /bad prefix length/],
    ['privat', /unknown network "privat"; did you mean "private"\?/],
    ['300.1.1.1', /"300.1.1.1" is no network; expected an address/],
  ];
  for (const [network, message] of wrong) {
    assert.throws(() => compileNetworks([network]), { code: 'PARAMETER_INVALID', message });
  }
});
