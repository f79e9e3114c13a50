import { consumerConformance } from './consumer.ts';
import { embeddedBus } from './event-bus.ts';

consumerConformance('SQLite', embeddedBus);
