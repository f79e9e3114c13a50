import { describe } from 'vitest';
import { stackAvailable } from '../stack.ts';
import { serversBus } from './event-bus.ts';
import { relayConformance } from './relay.ts';

describe.runIf(stackAvailable)('with servers', () => {
  relayConformance('MariaDB and NATS', serversBus);
});
