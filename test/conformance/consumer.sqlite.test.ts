import { startEmbeddedBus } from '../support/messaging/test-event-bus.ts';
import { consumerConformance } from './consumer-conformance.ts';

consumerConformance('SQLite', startEmbeddedBus);
