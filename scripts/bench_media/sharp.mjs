// node sharp.mjs MODE PICTURE DIRECTORY [TIMES]
//
// The same three JPEG variants as the crate's example, by sharp, in one of
// three ways:
//   three    a pipeline per size, each from the file
//   clone    a pipeline per size, cloned from one which has the file
//   cascade  decoded once to the full size, the small sizes made from its pixels
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';

// One thread and no cache: what is compared is work, not parallelism.
sharp.concurrency(1);
sharp.cache(false);

const [mode, picture, directory, times = '1'] = process.argv.slice(2);

const FULL = { width: 1024, height: 1024, fit: 'inside', withoutEnlargement: true };
const COVERS = [
  ['card', { width: 300, height: 300, fit: 'cover' }],
  ['thumbnail', { width: 128, height: 128, fit: 'cover' }],
];
const SIZES = [['full', FULL], ...COVERS];

const save = async (name, pipeline) =>
  writeFile(path.join(directory, `${name}.jpg`), await pipeline.jpeg({ quality: 80 }).toBuffer());

const modes = {
  async three() {
    for (const [name, size] of SIZES) {
      await save(name, sharp(picture).autoOrient().resize(size));
    }
  },
  async clone() {
    const shared = sharp(picture).autoOrient();
    for (const [name, size] of SIZES) {
      await save(name, shared.clone().resize(size));
    }
  },
  async cascade() {
    const { data, info } = await sharp(picture)
      .autoOrient()
      .resize(FULL)
      .raw()
      .toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    const pixels = () => sharp(data, { raw: { width, height, channels } });
    await save('full', pixels());
    for (const [name, size] of COVERS) {
      await save(name, pixels().resize(size));
    }
  },
};

for (let done = 0; done < Number(times); done += 1) {
  await modes[mode]();
}
