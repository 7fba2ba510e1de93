// Builds styles, scripts, icons and fonts into static/dist under names made of their content, writes
// manifest.json (source name -> built name) and precompressed .br and .gz copies. Deterministic: the same
// sources give the same bytes.
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import * as esbuild from 'esbuild';
import * as sass from 'sass';

const web = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const modules = path.resolve(web, '../../node_modules');
const dist = path.join(web, 'static', 'dist');
// What a first visit loads, compressed: the promise a slow phone relies on.
const FIRST_LOAD_LIMIT = 150_000;
const FIRST_LOAD = ['app.css', 'app.js', 'icons.svg', 'inter-latin.woff2'];
const FONTS = { 'inter-latin.woff2': 'inter-latin-wght-normal.woff2', 'inter-latin-ext.woff2': 'inter-latin-ext-wght-normal.woff2' };

const manifest = {};
const weights = {};

async function emit(name, bytes) {
  const buffer = Buffer.from(bytes);
  const { name: stem, ext } = path.parse(name);
  const hash = createHash('sha256').update(buffer).digest('hex').slice(0, 12);
  const built = `${stem}-${hash}${ext}`;
  await writeFile(path.join(dist, built), buffer);
  manifest[name] = built;
  weights[name] = buffer.length;
  if (ext !== '.woff2') {
    const brotli = await promisify(brotliCompress)(buffer, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
    const zipped = await promisify(gzip)(buffer, { level: 9 });
    await writeFile(path.join(dist, `${built}.br`), brotli);
    await writeFile(path.join(dist, `${built}.gz`), zipped);
    weights[name] = zipped.length;
  }
}

async function fonts() {
  for (const [name, file] of Object.entries(FONTS)) {
    await emit(name, await readFile(path.join(modules, '@fontsource-variable/inter/files', file)));
  }
}

async function styles() {
  const compiled = sass.compile(path.join(web, 'assets/styles/app.scss'), {
    loadPaths: [path.join(modules, 'bootstrap/scss')],
    quietDeps: true,
    // Bootstrap 5.3 is written with @import; it says so itself in its own documentation.
    silenceDeprecations: ['import', 'global-builtin', 'color-functions', 'if-function'],
  });
  const withFonts = compiled.css.replace(/url\(["']?font:([\w.-]+)["']?\)/g, (_, name) => `url("./${manifest[name]}")`);
  const { code } = await esbuild.transform(withFonts, { loader: 'css', minify: true, legalComments: 'none', target: ['chrome111', 'firefox115', 'safari16.4'] });
  await emit('app.css', code);
}

async function scripts() {
  const { outputFiles } = await esbuild.build({
    entryPoints: [path.join(web, 'assets/scripts/app.js')],
    bundle: true, minify: true, write: false, format: 'iife', legalComments: 'none', target: ['chrome111', 'firefox115', 'safari16.4'],
  });
  await emit('app.js', outputFiles[0].contents);
}

async function files(folder, extension) {
  const entries = await readdir(folder, { recursive: true });
  return entries.filter((entry) => entry.endsWith(extension)).sort().map((entry) => path.join(folder, entry));
}

// Only the glyphs that templates name: as the argument of a macro that draws one, or in a table of words.
const ICON_NAMED = [
  /\bicon\(\s*['"]([a-z0-9-]+)['"]/g,
  /\bempty\(\s*['"]([a-z0-9-]+)['"]/g,
  /\bnote\(\s*['"][a-z]*['"],\s*['"]([a-z0-9-]+)['"]/g,
  /\blink\("[^"]*", "[^"]*", "([a-z0-9-]+)"/g,
  /\bmark="([a-z0-9-]+)"/g,
  /"icon": "([a-z0-9-]+)"/g,
];

async function icons() {
  const names = new Set();
  for (const file of await files(path.join(web, 'templates'), '.html')) {
    const text = await readFile(file, 'utf8');
    for (const pattern of ICON_NAMED) {
      for (const match of text.matchAll(pattern)) names.add(match[1]);
    }
  }
  const symbols = [];
  for (const name of [...names].sort()) {
    const source = await readFile(path.join(modules, 'bootstrap-icons/icons', `${name}.svg`), 'utf8');
    const body = source.replace(/^[\s\S]*?<svg[^>]*>/, '').replace(/<\/svg>\s*$/, '').replace(/\s*\n\s*/g, '');
    symbols.push(`<symbol id="${name}" viewBox="0 0 16 16">${body}</symbol>`);
  }
  await emit('icons.svg', `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join('')}</svg>`);
}

async function favicon() {
  await emit('favicon.svg', await readFile(path.join(web, 'assets/favicon.svg')));
}

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
await fonts();
await styles();
await scripts();
await icons();
await favicon();
await writeFile(path.join(dist, 'manifest.json'), `${JSON.stringify(manifest, Object.keys(manifest).sort(), 2)}\n`);

const total = FIRST_LOAD.reduce((sum, name) => sum + weights[name], 0);
for (const name of FIRST_LOAD) console.log(`${name.padEnd(20)} ${(weights[name] / 1000).toFixed(1).padStart(7)} kB`);
console.log(`${'first load'.padEnd(20)} ${(total / 1000).toFixed(1).padStart(7)} kB of ${FIRST_LOAD_LIMIT / 1000}`);
if (total > FIRST_LOAD_LIMIT) {
  console.error('The first load is over its limit.');
  process.exit(1);
}
