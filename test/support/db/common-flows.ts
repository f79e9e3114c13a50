import { chatSteps } from '../chat-steps.ts';
import { flowSteps } from '../flow-steps.ts';
import type { TestSystem } from '../test-system.ts';

/** What people and programs do all day, once: the statements of these flows have to stay cheap. Returns the sessions. */
export async function runCommonFlows(system: TestSystem): Promise<{ shops: string[]; chats: string[] }> {
  const { rest } = system;
  const shop = await shopFlow(system);
  const chat = chatSteps(system);
  await chat.chat('你好');
  await chat.stream('在吗');
  await chat.chat('转人工');
  const agent = { agent_id: 'agent_01', agent_name: '小王' };
  const [session, words] = [`/api/sessions/${chat.name}`, { session_name: chat.name, content: '您好' }];
  await rest.ok(rest.post(`${session}/takeover`, agent));
  await rest.ok(rest.post('/api/manual/messages', { ...words, role: 'agent', agent_info: agent }));
  await rest.ok(rest.post('/api/manual/messages', { ...words, role: 'user' }));
  await rest.ok(rest.get(session));
  await rest.ok(rest.get(`${session}/messages`));
  await rest.ok(rest.post(`${session}/release`, agent));
  await rest.ok(rest.post('/api/manual/escalate', { session_name: chat.name }));
  await rest.ok(rest.post(`${session}/takeover`, agent));
  await rest.ok(rest.post(`${session}/release`, agent));
  const { session_id: chatId } = await rest.ok(rest.get(`${session}/status`));
  return { shops: [shop], chats: [chatId] };
}

/** The main flow, a takeover, the agent's words, and a release. */
async function shopFlow(system: TestSystem): Promise<string> {
  const { rest } = system;
  const { sentSession, takeOver, sayAsAgent, claimAndFetch, complete, release, upload, status } = flowSteps(system);
  const { sessionId, body, window } = await sentSession();
  await rest.ok(takeOver(sessionId));
  await upload(window.shop('在吗'));
  for (const content of ['在的', '请稍等']) await rest.ok(sayAsAgent(sessionId, content));
  const { taskId, token } = await claimAndFetch(body.account_id);
  await rest.ok(complete(sessionId, { task_id: taskId, lease_token: token }));
  await upload(window.account('在的'));
  await status(sessionId);
  await rest.ok(rest.get(`/api/sessions/${sessionId}`));
  await rest.ok(rest.get(`/api/sessions/${sessionId}/messages`));
  await rest.ok(release(sessionId));
  return sessionId;
}
