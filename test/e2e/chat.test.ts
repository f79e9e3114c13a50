import { expect, it } from 'vitest';
import { ChatService } from '../../gen/autosession/message/v1/chat_service_pb.js';
import { chatSteps } from '../support/chat-steps.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import { unique } from '../support/factories.ts';

const bots = [
  { id: 'bot', engine: 'scripted', name: '助手' },
  { id: 'failing', engine: 'scripted', script: 'test/data/slow-script.json' },
];
const options = { env: { AUTOSESSION_BOTS: JSON.stringify(bots) } };

onEveryBackend(
  'a chat',
  (system) => {
    it('is answered by the bot, in a session that its first message creates', async () => {
      const { rest, name, chat } = chatSteps(system());
      const answer = await chat('你好');
      expect(answer.status).toBe(200);
      expect(answer.data).toMatchObject({ success: true, session_name: name, status: 'bot_active' });
      expect(answer.data.message).toContain('智能助手');
      const { messages } = await rest.ok(rest.get(`/api/sessions/${name}/messages`));
      expect(messages.map(({ role, content }: { role: string; content: string }) => [role, content])).toEqual([
        ['user', '你好'],
        ['assistant', answer.data.message],
      ]);
    });

    it('shows its bot', async () => {
      const { rest } = chatSteps(system());
      const { status, body } = await rest.get('/api/bot/info');
      const bot = { bot_id: 'bot', name: '助手', description: '', icon_url: '', welcome: '', workflow_id: '' };
      expect([status, body]).toEqual([200, { success: true, message: '操作成功', bot }]);
      expect((await system().rpc(ChatService).getBotInfo({})).bot?.name).toBe('助手');
      expect((await rest.get('/api/bot/info?bot_id=none')).status).toBe(400);
    });

    it('begins a new conversation with its bot by each of three routes', async () => {
      const { rest, name } = chatSteps(system());
      for (const route of ['new', 'create', 'clear']) {
        const { status, body } = await rest.post(`/api/conversation/${route}`, { session_id: name, user_id: 'u' });
        expect([status, body.success, typeof body.conversation_id]).toEqual([200, true, 'string']);
        expect(body.conversation_id).not.toBe('');
      }
    });

    it('streams the answer as data lines and then ends', async () => {
      const { stream } = chatSteps(system());
      const frames = await stream('发货要多久？');
      const text = frames.filter(({ type }) => type === 'message').map(({ content }) => content);
      expect(text.join('')).toContain('48 小时');
      expect(text.length).toBeGreaterThan(1);
      expect(frames.at(-1)).toMatchObject({ type: 'done', content: '' });
    });

    it('goes to a human who takes over, talks, and gives it back', async () => {
      const { rest, name, chat } = chatSteps(system());
      await chat('你好');
      const escalated = await rest.ok(
        rest.post('/api/manual/escalate', { session_name: name, reason: 'user_request' }),
      );
      expect(escalated).toMatchObject({ session_name: name, status: 'pending_manual' });
      expect(escalated.history.map(({ content }: { content: string }) => content)[0]).toBe('你好');
      const refused = await chat('有人吗');
      expect([refused.status, refused.data]).toEqual([409, expect.objectContaining({ stored: true })]);
      expect(refused.body.detail).toBe('SESSION_IN_MANUAL_MODE: pending_manual');
      const agent = { agent_id: 'agent_1', agent_name: '小王' };
      await rest.ok(rest.post(`/api/sessions/${name}/takeover`, agent));
      await rest.ok(
        rest.post('/api/manual/messages', { session_name: name, role: 'agent', content: '我在', agent_info: agent }),
      );
      await rest.ok(rest.post('/api/manual/messages', { session_name: name, role: 'user', content: '太好了' }));
      const other = await rest.post('/api/manual/messages', {
        session_name: name,
        role: 'agent',
        content: '我也在',
        agent_info: { agent_id: 'agent_2', agent_name: '小李' },
      });
      expect([other.status, other.body.error_code]).toEqual([403, 'NOT_YOUR_SESSION']);
      const released = await rest.ok(rest.post(`/api/sessions/${name}/release`, { agent_id: 'agent_1' }));
      expect(released).toMatchObject({ session_name: name, status: 'bot_active' });
    });

    it('goes to a human when the user asks for one, after the sentence of the rule', async () => {
      const { rest, name, chat, stream } = chatSteps(system());
      const asked = await chat('我要转人工');
      expect(asked).toMatchObject({ status: 200, data: { status: 'pending_manual' } });
      expect(asked.data.message).toContain('人工客服');
      const { escalation } = await rest.ok(rest.post('/api/manual/escalate', { session_name: name }));
      expect(escalation).toMatchObject({ reason: 'user_request', context: { rule: 'human_request' } });
      expect(escalation.evidence_message_ids).toHaveLength(1);
      await rest.ok(rest.post(`/api/sessions/${name}/release`, { agent_id: 'agent_1' }));
      expect((await chat('不用转人工了')).data.status).toBe('bot_active');
      const frames = await stream('给我找个真人客服');
      expect(frames.map(({ type }) => type)).toEqual(['message', 'status_change', 'done']);
      expect(frames[1]).toMatchObject({ status: 'pending_manual', reason: 'user_request' });
    });

    it('goes to a human when the bot has failed three times in a row', async () => {
      const { chat, name, rest } = chatSteps(system());
      for (const [i, status] of ['bot_active', 'bot_active', 'pending_manual'].entries())
        expect((await chat(`故障${i}`, { bot_id: 'failing' })).data).toMatchObject({
          status,
          message: '抱歉，我暂时无法回答，请稍后再试。',
        });
      const { escalation } = await rest.ok(rest.post('/api/manual/escalate', { session_name: name }));
      expect(escalation.reason).toBe('fail_loop');
    });

    it('is taken over by the first message of an agent while it waits for a human', async () => {
      const { rest, name } = chatSteps(system());
      await rest.ok(rest.post('/api/manual/escalate', { session_name: name }));
      const sent = await rest.ok(
        rest.post('/api/manual/messages', {
          session_name: name,
          role: 'agent',
          content: '您好',
          agent_info: { agent_id: 'agent_1', agent_name: '小王' },
        }),
      );
      expect(sent).toMatchObject({ session_name: name, status: 'manual_live' });
    });

    it('answers after the release what the user wrote to the bot while a human was in control', async () => {
      const { rest, name, chat } = chatSteps(system());
      await rest.ok(rest.post('/api/manual/escalate', { session_name: name }));
      const clientMessageId = unique();
      expect((await chat('你好', { client_message_id: clientMessageId })).status).toBe(409);
      await rest.ok(rest.post(`/api/sessions/${name}/release`, { agent_id: 'agent_1' }));
      const answer = await chat('你好', { client_message_id: clientMessageId });
      expect(answer.data.message).toContain('智能助手');
    });

    it('is one session for concurrent first messages', async () => {
      const { rest, name, chat } = chatSteps(system());
      const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => chat(`你好${i}`)));
      expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
      expect(new Set(answers.map(({ data }) => data.session_id)).size).toBe(1);
      const { messages } = await rest.ok(rest.get(`/api/sessions/${name}/messages?limit=50`));
      const users = messages.filter(({ role }: { role: string }) => role === 'user');
      expect(users).toHaveLength(8);
    });

    it('is refused for the id of a session of an account and a shop', async () => {
      const { chat } = chatSteps(system(), 'ses_abc');
      expect((await chat('你好')).status).toBe(400);
    });

    it('closes, and its name then opens a new session', async () => {
      const { rest, name, chat } = chatSteps(system());
      const first = await chat('你好');
      await rest.ok(rest.post(`/api/sessions/${name}/close`));
      const second = await chat('你好');
      expect(second.status).toBe(200);
      expect(second.data.session_id).not.toBe(first.data.session_id);
    });
  },
  options,
);
