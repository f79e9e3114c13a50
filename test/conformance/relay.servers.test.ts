import { describe } from 'vitest';
import { startServersBus } from '../support/messaging/test-event-bus.ts';
import { sharedServersAvailable } from '../support/servers/shared-servers.ts';
import { relayConformance } from './relay-conformance.ts';

describe.runIf(sharedServersAvailable)('with servers', () => {
  relayConformance('MariaDB and NATS', startServersBus);
});
