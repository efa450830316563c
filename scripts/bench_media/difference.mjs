// node difference.mjs SOURCE OURS
//
// Prints two mean differences to what sharp makes of SOURCE, of 255: that of OURS, and that of SOURCE decoded without
// a look at its profile.
import sharp from 'sharp';

const [source, ours] = process.argv.slice(2);

const pixels = async (picture) => picture.toColourspace('srgb').removeAlpha().raw().toBuffer({ resolveWithObject: true });

const rgb = ({ data, info }) =>
  info.channels === 3 ? data : Buffer.from([...data].flatMap((value) => [value, value, value]));

const wanted = rgb(await pixels(sharp(source)));
const mean = (found) => {
  if (found.length !== wanted.length) throw new Error('the pictures have different sizes');
  return found.reduce((sum, value, at) => sum + Math.abs(value - wanted[at]), 0) / found.length;
};

const converted = mean(rgb(await pixels(sharp(ours))));
const ignored = mean(rgb(await pixels(sharp(source, { ignoreIcc: true }))));
console.log(converted, ignored);
