import { expect, it } from 'vitest';
import { handoverModule } from '../../../services/handover/module.ts';
import { inContext, systemContext } from '../../../services/lib/context.ts';
import type { Deps, Directory } from '../../../services/lib/module.ts';
import { eventually } from '../../eventually.ts';
import { Story } from './events.ts';
import { Receiver } from './receiver.ts';
import { START, startHandover } from './service.ts';

it('delivers what its consumers raised, over the configured channels, until it is disposed', async () => {
  await using receiver = await Receiver.start();
  const webhooks = JSON.stringify([{ url: receiver.url, secret: 'secret' }]);
  await using service = await startHandover('SQLite', undefined, { AUTOSESSION_WEBHOOKS: webhooks });
  const nobody: Directory = {
    client: () => {
      throw new Error('handover calls nobody');
    },
  };
  {
    await using module = await handoverModule.start(service.deps as unknown as Deps, nobody);
    module.begin?.();
    const story = new Story('ses_1', START).open('pending');
    await inContext(systemContext('default', 'test'), () => module.consumes?.sessionCreated?.(story.last));
    await eventually(async () => expect(await service.rows('reminders')).toMatchObject([{ state: 'delivered' }]));
  }
  expect(receiver.accepted).toHaveLength(1);
  expect(service.lines).toContainEqual(expect.objectContaining({ event: 'reminder', reason: 'handover_waiting' }));
});
