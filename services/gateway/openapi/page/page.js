// The pages work without this script; with it code can be copied, and commands go to this installation.

const SAMPLE_ORIGIN = 'http://127.0.0.1:8000';

for (const figure of document.querySelectorAll('figure.code')) {
  const code = figure.querySelector('code');
  code.textContent = code.textContent.replaceAll(SAMPLE_ORIGIN, location.origin);
  const isChinese = document.documentElement.lang.startsWith('zh');
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'copy';
  button.textContent = isChinese ? '复制' : 'Copy';
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = isChinese ? '已复制' : 'Copied';
  });
  figure.querySelector('figcaption').append(button);
}

const menuOpen = document.querySelector('#menu-open');
document.querySelector('.menu').addEventListener('click', ({ target }) => {
  if (target.closest('a')) menuOpen.checked = false;
});
