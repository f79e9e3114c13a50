import { embeddedBus } from './event-bus.ts';
import { relayConformance } from './relay.ts';

relayConformance('SQLite', embeddedBus);
