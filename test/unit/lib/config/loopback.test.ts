import { expect, it } from 'vitest';
import { reachableHost } from '../../../../services/lib/config/loopback.ts';

it.each([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '[::1]'],
  ['::1', '[::1]'],
  ['127.0.0.1', '127.0.0.1'],
  ['localhost', 'localhost'],
  ['192.168.1.5', '192.168.1.5'],
  ['fd00::5', '[fd00::5]'],
])('a port that listens at %s is opened at %s', (address, host) => expect(reachableHost(address)).toBe(host));
