import { describe, expect, it } from 'vitest';
import { chatPaths } from '../../../../services/gateway/auth/chat-paths.ts';
import { allServices } from '../../../support/gateway/rest-fixture.ts';

const isChatRequest = chatPaths(allServices);

describe('a request of a chat page', () => {
  it.each([
    ['GET', '/api/bot/info'],
    ['POST', '/api/chat'],
    ['POST', '/api/chat/stream'],
    ['POST', '/api/conversation/clear'],
    ['POST', '/api/manual/escalate'],
    ['POST', '/api/manual/messages'],
    ['GET', '/api/sessions/visitor-1'],
    ['GET', '/api/sessions/visitor-1/messages'],
    ['GET', '/api/sessions/visitor-1/events'],
    ['POST', '/autosession.message.v1.ChatService/SendChatMessage'],
  ])('is %s %s', (method, path) => {
    expect(isChatRequest(method, path)).toBe(true);
  });

  it.each([
    ['POST', '/api/sessions/create'],
    ['GET', '/api/sessions/open'],
    ['POST', '/api/sessions/visitor-1'],
    ['POST', '/api/sessions/visitor-1/takeover'],
    ['GET', '/api/events/stream'],
    ['GET', '/api/tasks/next_id'],
    ['POST', '/autosession.event.v1.EventService/WatchEvents'],
    ['GET', '/metrics'],
    ['POST', '/autosession.task.v1.TaskService/ClaimNextTask'],
  ])('is not %s %s', (method, path) => {
    expect(isChatRequest(method, path)).toBe(false);
  });
});
