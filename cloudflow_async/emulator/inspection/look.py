"""How the inspection page looks, and the script that keeps it up to date.

The page works without the script.  With it, rows that changed are exchanged one by one, so that
what a person has opened, marked or put the focus on stays as it is.
"""

from __future__ import annotations

STYLE = """
main { max-width: 80rem; margin: 0 auto; }
h2 { margin: 0 0 .5rem; font-size: 1.15rem; line-height: 1.25; }
a { color: var(--strong); }
section { margin: 0 0 1.5rem; padding: 1rem; background: var(--card); border-radius: .75rem; }
section > p { margin: 0; }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1.25rem;
  margin: 0 0 1.25rem; }
.bar a { padding: .6rem 0; }
table { width: 100%; border-collapse: collapse; font-size: .9rem; }
th, td { padding: .4rem .5rem; text-align: start; vertical-align: baseline;
  overflow-wrap: normal; }
th { color: var(--quiet); font-weight: 600; }
tbody tr { border-top: 1px solid color-mix(in srgb, var(--line) 40%, transparent); }
time, .figure { font-variant-numeric: tabular-nums; white-space: nowrap; }
.first { width: 45%; }
.first, ol { overflow-wrap: anywhere; }
summary { cursor: pointer; font-weight: 600; padding: .2rem 0; }
summary code { font-size: inherit; }
dl { display: grid; grid-template-columns: fit-content(12rem) 1fr; gap: .1rem .75rem;
  margin: .5rem 0; }
dt { color: var(--quiet); }
dd { margin: 0; min-width: 0; }
pre { margin: .25rem 0 .75rem; padding: .5rem; max-height: 20rem; overflow: auto;
  white-space: pre-wrap; background: var(--page); border-radius: .4rem;
  font: .8125rem/1.45 ui-monospace, monospace; }
ol { min-width: 12rem; margin: 0; padding: 0; list-style: none; }
form { margin: 0; }
.note { margin: .35rem 0 0; font-weight: 600; }
.aloud { position: absolute; width: 1px; height: 1px; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 60rem) {
  body { padding: 1rem .5rem; }
  table, tbody, tr, td { display: block; width: auto; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  tbody tr { padding: .5rem 0; }
  .count { margin: 0 0 .5rem; }
  td { padding: .15rem 0; display: grid; grid-template-columns: 7rem minmax(0, 1fr); gap: .5rem; }
  td::before { overflow-wrap: anywhere; content: attr(data-label); color: var(--quiet); }
  td.first { display: block; width: auto; }
  td.first::before { content: none; }
  dl { grid-template-columns: minmax(0, 1fr); }
  dd { margin: 0 0 .35rem; }
}
"""

SCRIPT = """
'use strict';
{
  const SECONDS = 2;
  const said = document.getElementById('updates');
  const pause = document.getElementById('pause');
  const shown = new Map();
  let paused = false, busy = false, timer = 0, last = '';

  const say = (text) => { if (said.textContent !== text) said.textContent = text; };

  const note = (place) => {
    for (const row of place.querySelectorAll('tbody > tr')) shown.set(row.id, row.outerHTML);
  };

  const exchange = (old, row) => {
    const focused = old.contains(document.activeElement) ? document.activeElement.id : '';
    if (old.querySelector('details[open]')) row.querySelector('details').open = true;
    old.replaceWith(row);
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
  };

  const mergeRows = (body, rows) => {
    const wanted = new Set(rows.map((row) => row.id));
    for (const old of [...body.children]) if (!wanted.has(old.id)) old.remove();
    let place = body.firstElementChild;
    for (const row of rows) {
      const html = row.outerHTML;
      const same = shown.get(row.id) === html;
      shown.set(row.id, html);
      if (place && place.id === row.id) {
        const next = place.nextElementSibling;
        if (!same) exchange(place, row);
        place = next;
      } else {
        [...body.children].find((old) => old.id === row.id)?.remove();
        body.insertBefore(row, place);
      }
    }
    for (const id of [...shown.keys()]) if (!document.getElementById(id)) shown.delete(id);
  };

  const mergeSection = (fresh) => {
    const old = document.getElementById(fresh.id);
    const body = old.querySelector('tbody'), other = fresh.querySelector('tbody');
    if (!body || !other) {
      if (body || other) old.replaceWith(fresh);
      note(fresh);
      return;
    }
    const count = old.querySelector('.count'), news = fresh.querySelector('.count').textContent;
    if (count.textContent !== news) count.textContent = news;
    return [body, [...other.children]];
  };

  const merge = (text) => {
    const fresh = new DOMParser().parseFromString(text, 'text/html');
    const pairs = [...fresh.querySelectorAll('section')].map(mergeSection).filter(Boolean);
    for (const [body, rows] of pairs) mergeRows(body, rows);
  };

  const look = async () => {
    const signal = AbortSignal.timeout(10000);
    const answer = await fetch(location.href, { cache: 'no-store', signal });
    if (!answer.ok) throw new Error(answer.statusText);
    const text = await answer.text();
    if (paused || text === last) return;
    merge(text);
    last = text;
  };

  const refresh = async () => {
    if (busy || paused || document.hidden) return;
    busy = true;
    clearTimeout(timer);
    try {
      await look();
      if (!paused) say('New entries appear by themselves.');
    } catch {
      if (!paused) say('The emulator does not answer. This is what was last seen.');
    }
    busy = false;
    if (!paused) timer = setTimeout(refresh, SECONDS * 1000);
  };

  pause.hidden = false;
  pause.addEventListener('click', () => {
    paused = !paused;
    clearTimeout(timer);
    pause.textContent = paused ? 'Go on' : 'Pause';
    say(paused ? 'Updates are paused.' : 'New entries appear by themselves.');
    refresh();
  });
  document.addEventListener('visibilitychange', refresh);
  note(document);
  say('New entries appear by themselves.');
  timer = setTimeout(refresh, SECONDS * 1000);
}
"""
