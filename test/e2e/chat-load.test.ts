import { expect, it } from 'vitest';
import { chatSteps } from '../support/chat-steps.ts';
import { onEveryBackend } from '../support/every-backend.ts';

const env = {
  AUTOSESSION_BOTS: '[{"id": "slow", "engine": "scripted", "script": "test/data/slow-script.json"}]',
  AUTOSESSION_MAX_REQUESTS: '2',
  AUTOSESSION_MAX_WAIT_MS: '2000',
};

onEveryBackend(
  'chats that wait for their bot',
  (system) => {
    it('keep no other call from its turn', async () => {
      const waiting = Array.from({ length: 8 }, () => chatSteps(system()).chat('在吗'));
      const stats = Array.from({ length: 10 }, () => system().rest.get('/api/tasks/stats'));
      expect((await Promise.all(stats)).map(({ status }) => status)).toEqual(Array(10).fill(200));
      expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(Array(8).fill(200));
    });
  },
  { env },
);
