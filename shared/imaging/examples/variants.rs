//! `variants PICTURE DIRECTORY [TIMES]` writes the three JPEG variants of a
//! picture, doing the work `TIMES` times over. `variants --photo FILE` writes
//! the photo which the benchmark in `scripts/bench_media` uses, `variants --photo FILE PROFILE` the same with an ICC
//! profile, and `variants --charts DIRECTORY` charts with profiles, for `scripts/bench_media/colours.py`.

use std::env;
use std::error::Error;
use std::fs;
use std::path::Path;

use imaging::{Format, Limits, variants};

#[path = "../tests/common/mod.rs"]
mod common;

use common::profiles::{PROFILES, charts};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--photo", file] => fs::write(file, photo::jpeg(None)?)?,
        ["--photo", file, name] => {
            let profile = PROFILES.into_iter().find(|profile| profile.name() == name);
            fs::write(file, photo::jpeg(Some(profile.ok_or("no such profile")?.bytes()))?)?;
        }
        ["--charts", directory] => {
            for profile in PROFILES {
                for (format, file) in charts(profile) {
                    fs::write(Path::new(directory).join(format!("{}.{format}", profile.name())), file)?;
                }
            }
        }
        [picture, directory] => make(picture, directory, 1)?,
        [picture, directory, times] => make(picture, directory, times.parse()?)?,
        _ => {
            return Err(
                "usage: variants PICTURE DIRECTORY [TIMES] | --photo FILE [PROFILE] | --charts DIRECTORY"
                    .into(),
            );
        }
    }
    Ok(())
}

fn make(picture: &str, directory: &str, times: u32) -> Result<(), Box<dyn Error>> {
    for _ in 0..times {
        let bytes = fs::read(picture)?;
        for variant in variants(&bytes, &Limits::default(), &[Format::Jpeg])? {
            let name = format!("{}.{}", variant.size.name(), variant.format.name());
            fs::write(Path::new(directory).join(name), variant.bytes)?;
        }
    }
    Ok(())
}

/// A picture with a photo's entropy: light falling off, soft shapes, detail at
/// every scale and sensor grain, saved as cameras save.
mod photo {
    use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, EncodingError, SamplingFactor};

    const WIDTH: u16 = 4000;
    const HEIGHT: u16 = 3000;
    /// Makes the file about 4 MB, as phones' 12-megapixel photos are.
    const GRAIN: f32 = 21.0;
    /// Each octave of detail is this much weaker than the one twice its size.
    const FALL_OFF: f32 = 0.72;

    pub fn jpeg(profile: Option<Vec<u8>>) -> Result<Vec<u8>, EncodingError> {
        let rgb: Vec<u8> = (0..u32::from(HEIGHT))
            .flat_map(|y| (0..u32::from(WIDTH)).flat_map(move |x| pixel(x, y)))
            .collect();
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 90);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
        if let Some(profile) = profile {
            encoder.add_icc_profile(&profile)?;
        }
        encoder.encode(&rgb, WIDTH, HEIGHT, ColorType::Rgb)?;
        Ok(bytes)
    }

    fn pixel(x: u32, y: u32) -> [u8; 3] {
        let (fx, fy) = (x as f32, y as f32);
        let (width, height) = (f32::from(WIDTH), f32::from(HEIGHT));
        let mut light = 80.0 + 90.0 * (1.0 - fy / height);
        let (mut period, mut strength) = (1024.0, 90.0);
        for octave in 0..9 {
            light += strength * noise(fx / period, fy / period, octave);
            period /= 2.0;
            strength *= FALL_OFF;
        }
        let (dx, dy) = (fx - 0.6 * width, fy - 0.55 * height);
        if dx * dx + dy * dy < (0.2 * height) * (0.2 * height) {
            light = 0.6 * light + 90.0;
        }
        light += GRAIN * (hash(x, y, 100) + hash(x, y, 101) - 1.0);
        let tint = |period: f32, seed| {
            60.0 * noise(fx / period, fy / period, seed) + 20.0 * noise(fx / 50.0, fy / 50.0, seed + 1)
        };
        let (red, blue) = (tint(700.0, 50), tint(900.0, 60));
        [light + 1.402 * red, light - 0.714 * red - 0.344 * blue, light + 1.772 * blue]
            .map(|channel| channel.clamp(0.0, 255.0) as u8)
    }

    /// Smooth noise around zero with a period of one.
    fn noise(x: f32, y: f32, seed: u32) -> f32 {
        let (column, row) = (x as u32, y as u32);
        let ease = |t: f32| t * t * (3.0 - 2.0 * t);
        let (across, down) = (ease(x.fract()), ease(y.fract()));
        let mix = |from: f32, to: f32, t: f32| from + (to - from) * t;
        let top = mix(hash(column, row, seed), hash(column + 1, row, seed), across);
        let bottom = mix(hash(column, row + 1, seed), hash(column + 1, row + 1, seed), across);
        mix(top, bottom, down) - 0.5
    }

    /// An arbitrary but fixed value in 0..1 for a point.
    fn hash(x: u32, y: u32, seed: u32) -> f32 {
        let mut bits =
            x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77) ^ seed.wrapping_mul(0xC2B2_AE3D);
        bits = (bits ^ (bits >> 15)).wrapping_mul(0x2C1B_3C6D);
        bits = (bits ^ (bits >> 12)).wrapping_mul(0x297A_2D39);
        bits ^= bits >> 15;
        (bits >> 8) as f32 / (1 << 24) as f32
    }
}
