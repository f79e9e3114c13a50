import { describe } from 'vitest';
import { startServersBus } from '../support/messaging/test-event-bus.ts';
import { sharedServersAvailable } from '../support/servers/shared-servers.ts';
import { consumerConformance } from './consumer-conformance.ts';

describe.runIf(sharedServersAvailable)('with servers', () => {
  consumerConformance('MariaDB and NATS', startServersBus);
});
