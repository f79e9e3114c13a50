import { Command, Option } from 'commander';
import { apiPath, get, post, type ResponseData } from '../api-client.ts';
import { formatTime, nextPageHint, sessionLabel } from '../format.ts';
import { parseCount, parseId } from '../options.ts';
import { printResult } from '../output.ts';
import type { GlobalOptions } from '../program.ts';
import { table } from '../table.ts';
import { formatState } from './sessions.ts';

/** `auto-session handover …` */
export function handoverCommand(): Command {
  const handover = new Command('handover').description(
    'list handovers, and move control between the bot and human agents',
  );
  handover.addCommand(listCommand());
  handover.addCommand(escalateCommand());
  handover.addCommand(takeOverCommand());
  handover.addCommand(releaseCommand());
  return handover;
}

function listCommand(): Command {
  return new Command('list')
    .description('when humans were requested or in control, newest first')
    .option('--session <session>', 'only of this session, by its id or name')
    .option('--agent <id>', 'only those in which this agent is, or was last, in control')
    .addOption(
      new Option('--state <state>', 'only those in this state').choices(['waiting', 'live', 'returned', 'closed']),
    )
    .option('--limit <n>', 'how many, at most 200', parseCount, 20)
    .option('--page-token <token>', 'continue after the previous list')
    .action(async ({ session, agent, state, limit, pageToken }, command: Command) => {
      const globals = command.optsWithGlobals<GlobalOptions>();
      const query = { session, agent_id: agent, state, page_size: limit, page_token: pageToken };
      await printResult(await get(globals, '/api/handovers', query), globals.json === true, formatHandovers);
    });
}

function escalateCommand(): Command {
  return new Command('escalate')
    .description('take control from the bot and request a human agent')
    .argument('<session>', 'its id or name', parseId)
    .option('--reason <reason>', 'user_request, keyword, fail_loop, sentiment, vip, regulator or manual', 'manual')
    .addOption(new Option('--severity <severity>', 'the severity').choices(['low', 'medium', 'high']))
    .option('--details <text>', 'what the agent should know')
    .action(async (session: string, { reason, severity, details }, command: Command) => {
      const body = { session_name: session, reason, severity, details };
      await postAndPrint(command, '/api/manual/escalate', body);
    });
}

function takeOverCommand(): Command {
  return new Command('takeover')
    .description('give control to a human agent')
    .argument('<session>', 'its id or name', parseId)
    .requiredOption('--agent <id>', 'the agent')
    .requiredOption('--name <name>', 'the agent’s name, as others see it')
    .action(async (session: string, { agent, name }, command: Command) => {
      await postAndPrint(command, apiPath`/api/sessions/${session}/takeover`, { agent_id: agent, agent_name: name });
    });
}

function releaseCommand(): Command {
  return new Command('release')
    .description('return control to the bot')
    .argument('<session>', 'its id or name', parseId)
    .requiredOption('--agent <id>', 'the agent in control')
    .option('--reason <text>', 'the reason', 'resolved')
    .action(async (session: string, { agent, reason }, command: Command) => {
      await postAndPrint(command, apiPath`/api/sessions/${session}/release`, { agent_id: agent, reason });
    });
}

async function postAndPrint(command: Command, route: string, body: Record<string, unknown>): Promise<void> {
  const globals = command.optsWithGlobals<GlobalOptions>();
  const response = await post(globals, route, body);
  await printResult(response, globals.json === true, (data: ResponseData) => formatState({ ...data, ...data.session }));
}

function formatHandovers({ handovers, next_page_token: next }: ResponseData): string {
  const rows = handovers.map((handover: ResponseData) => [
    sessionLabel(handover),
    handover.state,
    handover.reason ?? '',
    handover.severity ?? '',
    handover.attendant_external ? '(in the shop’s window)' : (handover.assigned_agent?.agent_name ?? ''),
    formatTime(handover.created_at),
    formatTime(handover.taken_at),
    formatTime(handover.ended_at),
  ]);
  const titles = ['SESSION', 'STATE', 'REASON', 'SEVERITY', 'AGENT', 'BEGAN', 'TAKEN', 'ENDED'];
  return table(titles, rows, 'No handovers.') + nextPageHint(next);
}
