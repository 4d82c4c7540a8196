/**
 * The parts of a synthetic face. Traits belong to a person and stay; a pose belongs to one photograph. Lengths are
 * in units of a drawing 100 wide and 100 high, angles in degrees.
 */
import { createRandom, type Random } from './random.ts';

export interface FaceTraits {
  readonly skin: string;
  readonly shade: string;
  readonly hair: string;
  readonly hairStyle: 'bald' | 'short' | 'parted' | 'long' | 'curly' | 'fringe' | 'receding';
  readonly headWidth: number;
  readonly headHeight: number;
  /** 0: pointed chin, 1: square jaw. */
  readonly jaw: number;
  readonly earSize: number;
  readonly eyeSpacing: number;
  readonly eyeSize: number;
  readonly eyeHeight: number;
  readonly eyeSlant: number;
  readonly iris: string;
  readonly browThickness: number;
  readonly browAngle: number;
  readonly browLift: number;
  readonly noseWidth: number;
  readonly noseLength: number;
  readonly mouthWidth: number;
  readonly lipThickness: number;
  readonly mouthHeight: number;
  readonly beard: 'none' | 'moustache' | 'goatee' | 'full' | 'stubble';
  readonly glasses: 'none' | 'round' | 'square';
  readonly mole: { readonly x: number; readonly y: number } | null;
  readonly shirt: string;
}

export interface FacePose {
  readonly shiftX: number;
  readonly shiftY: number;
  readonly scale: number;
  readonly roll: number;
  /** How far the features slide over the head as it turns. */
  readonly yaw: number;
  readonly pitch: number;
  /** -1: sad, 1: a broad smile. */
  readonly smile: number;
  readonly mouthOpen: number;
  /** 0: shut, 1: wide open. */
  readonly eyesOpen: number;
  readonly browRaise: number;
  readonly lightAngle: number;
  readonly lightStrength: number;
  readonly exposure: number;
  readonly background: string;
  readonly noise: number;
}

const SKINS = ['#f6d7c3', '#efc3a4', '#e0a982', '#c98d63', '#a86f47', '#7f5030', '#5c3a24'] as const;
const HAIRS = ['#15110e', '#2e2018', '#54371f', '#8a5a2b', '#c79a54', '#9c9c9c', '#e4ded2', '#7c2f17'] as const;
const IRISES = ['#3a2413', '#5b3b1c', '#43603a', '#35618c', '#2a2a2a'] as const;
const SHIRTS = ['#28415f', '#7b2d35', '#2f5a41', '#444444', '#b9b4a5', '#101418', '#5c4a7d'] as const;
const STYLES = ['bald', 'short', 'parted', 'long', 'curly', 'fringe', 'receding'] as const;
/** Listed as often as they shall be met. */
const BEARDS = ['none', 'none', 'none', 'none', 'moustache', 'goatee', 'full', 'stubble'] as const;
const GLASSES = ['none', 'none', 'none', 'round', 'square'] as const;

export function traitsOf(personSeed: number): FaceTraits {
  const random = createRandom(personSeed, 0xface);
  const about = (mean: number, spread: number) => mean + spread * Math.max(-2, Math.min(2, random.normal()));
  const skin = random.pick(SKINS);
  return {
    skin,
    shade: mix(skin, '#000000', 0.22),
    hair: random.pick(HAIRS),
    hairStyle: random.pick(STYLES),
    headWidth: about(46, 3.2),
    headHeight: about(60, 3.2),
    jaw: random.between(0, 1),
    earSize: about(5, 1),
    eyeSpacing: about(20, 2.2),
    eyeSize: about(4.6, 0.8),
    eyeHeight: about(47, 1.8),
    eyeSlant: about(0, 5),
    iris: random.pick(IRISES),
    browThickness: about(2, 0.7),
    browAngle: about(0, 7),
    browLift: about(7, 1),
    noseWidth: about(7.5, 1.6),
    noseLength: about(13, 2),
    mouthWidth: about(17, 2.6),
    lipThickness: about(2.6, 0.8),
    mouthHeight: about(69, 1.6),
    beard: random.pick(BEARDS),
    glasses: random.pick(GLASSES),
    mole: random.chance(0.3) ? { x: random.between(36, 64), y: random.between(52, 66) } : null,
    shirt: random.pick(SHIRTS),
  };
}

export function poseOf(personSeed: number, shotSeed: number): FacePose {
  const random = createRandom(personSeed, shotSeed, 0x5407);
  return {
    shiftX: 2.2 * random.normal(),
    shiftY: 2 * random.normal(),
    scale: 1.28 + 0.06 * random.normal(),
    roll: 4 * random.normal(),
    yaw: 2.2 * random.normal(),
    pitch: 1.3 * random.normal(),
    smile: random.between(-0.6, 1),
    mouthOpen: random.chance(0.25) ? random.between(1, 4) : 0,
    eyesOpen: random.chance(0.06) ? 0.1 : random.between(0.6, 1.05),
    browRaise: random.between(-1, 2),
    lightAngle: random.between(0, 360),
    lightStrength: random.between(0.1, 0.5),
    exposure: random.between(0.72, 1.2),
    background: backgroundOf(random),
    noise: random.between(3, 10),
  };
}

/** `share` of the second colour in the first; both as #rrggbb. */
export function mix(first: string, second: string, share: number): string {
  const channel = (colour: string, at: number) => Number.parseInt(colour.slice(1 + 2 * at, 3 + 2 * at), 16);
  const mixed = [0, 1, 2].map((at) => Math.round(channel(first, at) * (1 - share) + channel(second, at) * share));
  return `#${mixed.map((value) => value.toString(16).padStart(2, '0')).join('')}`;
}

function backgroundOf(random: Random): string {
  const grey = mix('#2a2d31', '#d8dade', random.between(0, 1));
  return mix(grey, random.pick(['#3d5a80', '#7a6a53', '#4f6d5a']), random.between(0, 0.4));
}
