import { startEmbeddedBus } from '../support/messaging/test-event-bus.ts';
import { relayConformance } from './relay-conformance.ts';

relayConformance('SQLite', startEmbeddedBus);
