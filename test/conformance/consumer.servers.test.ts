import { describe } from 'vitest';
import { stackAvailable } from '../stack.ts';
import { consumerConformance } from './consumer.ts';
import { serversBus } from './event-bus.ts';

describe.runIf(stackAvailable)('with servers', () => {
  consumerConformance('MariaDB and NATS', serversBus);
});
