const api = async (path, init) => (await fetch(`${process.argv[2]}${path}`, init)).json();
const headers = { 'content-type': 'application/json' };
const next = async () => (await api('/api/tasks/next_id?worker_id=bot-1&wait_seconds=1')).data;
for (let task = await next(); task.task_id; task = await next()) {
  const { success, data } = await api(`/api/tasks/${task.task_id}/send_info?lease_token=${task.lease_token}`);
  if (!success) continue; // a human has taken over: do not send
  console.log(`${data.shop_name}: ${data.send_content}`); // a real bot types it into the shop's chat window here
  const body = JSON.stringify({ success: true, task_id: task.task_id, lease_token: task.lease_token });
  await api(`/api/sessions/${task.session_id}/complete`, { method: 'POST', headers, body });
}
