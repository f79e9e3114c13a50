import { Command, Option } from 'commander';
import { apiPath, post, type ResponseData } from '../api-client.ts';
import { parseId } from '../options.ts';
import { printResult } from '../output.ts';
import type { GlobalOptions } from '../program.ts';
import { formatState } from './sessions.ts';

/** `auto-session handover …` */
export function handoverCommand(): Command {
  const handover = new Command('handover').description('move control between the bot and human agents');
  handover.addCommand(escalateCommand());
  handover.addCommand(takeOverCommand());
  handover.addCommand(releaseCommand());
  return handover;
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
