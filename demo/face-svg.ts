/** Draws a face as SVG, back to front: background, shoulders, hair behind, head, features, hair in front, light. */
import { mix, type FacePose, type FaceTraits } from './face-traits.ts';

/** Middle of the head; everything turns about it. */
const X = 50;
const Y = 50;

/** An SVG document of `size` x `size` pixels. */
export function faceSvg(traits: FaceTraits, pose: FacePose, size: number): string {
  const { shiftX, shiftY, roll, scale } = pose;
  const whole = `translate(${X + shiftX} ${Y + shiftY}) rotate(${roll}) scale(${scale}) translate(${-X} ${-Y})`;
  const turned = `translate(${pose.yaw} ${pose.pitch})`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}" viewBox="0 0 100 100">
    <defs>${gradients(pose)}</defs>
    <rect width="100" height="100" fill="${pose.background}"/>
    <g transform="${whole}">
      ${shoulders(traits)}${hairBehind(traits)}${ears(traits, pose)}${head(traits)}
      <g transform="${turned}">
        ${beard(traits)}${cheeks(traits)}${nose(traits, pose)}${mouth(traits, pose)}
        ${eye(traits, pose, -1)}${eye(traits, pose, 1)}${brow(traits, pose, -1)}${brow(traits, pose, 1)}
        ${glasses(traits)}${mole(traits)}
      </g>
      ${hairInFront(traits, pose)}
    </g>
    <rect width="100" height="100" fill="url(#light)"/>
  </svg>`;
}

function gradients({ lightAngle, lightStrength }: FacePose): string {
  return `<linearGradient id="light" gradientTransform="rotate(${lightAngle} 0.5 0.5)">
    <stop offset="0" stop-color="#fff" stop-opacity="${lightStrength * 0.6}"/>
    <stop offset="0.5" stop-color="#888" stop-opacity="0"/>
    <stop offset="1" stop-color="#000" stop-opacity="${lightStrength}"/>
  </linearGradient>`;
}

const top = ({ headHeight }: FaceTraits) => Y - headHeight / 2;
const chin = ({ headHeight }: FaceTraits) => Y + headHeight / 2;

function shoulders({ shirt, skin, shade, headWidth }: FaceTraits): string {
  const neck = headWidth * 0.27;
  return `<path d="M${X - 44} 112 Q${X - 40} 86 ${X - neck} 84 H${X + neck} Q${X + 40} 86 ${X + 44} 112Z" fill="${shirt}"/>
    <path d="M${X - neck} 68 V86 Q${X} 95 ${X + neck} 86 V68Z" fill="${mix(skin, shade, 0.8)}"/>`;
}

function outline(traits: FaceTraits): string {
  const half = traits.headWidth / 2;
  const jaw = half * (0.52 + 0.4 * traits.jaw);
  const bottom = chin(traits);
  return `M${X - half} ${Y - 4}
    C${X - half} ${top(traits) - 3} ${X + half} ${top(traits) - 3} ${X + half} ${Y - 4}
    C${X + half} ${Y + 14} ${X + jaw} ${bottom - 4} ${X + jaw * 0.45} ${bottom - 1}
    Q${X} ${bottom + 2} ${X - jaw * 0.45} ${bottom - 1}
    C${X - jaw} ${bottom - 4} ${X - half} ${Y + 14} ${X - half} ${Y - 4}Z`;
}

const head = (traits: FaceTraits) =>
  `<path d="${outline(traits)}" fill="${traits.skin}" stroke="${traits.shade}" stroke-width="0.7"/>`;

function ears({ headWidth, earSize, skin, shade }: FaceTraits, { yaw }: FacePose): string {
  const ear = (side: number) => {
    const x = X + side * (headWidth / 2 + 0.3) - yaw * 0.5;
    return `<ellipse cx="${x}" cy="${Y + 2}" rx="${earSize * 0.55}" ry="${earSize}" fill="${skin}" stroke="${shade}" stroke-width="0.7"/>`;
  };
  return ear(-1) + ear(1);
}

function cheeks({ skin, mouthWidth }: FaceTraits): string {
  const tint = mix(skin, '#c0392b', 0.25);
  const cheek = (side: number) =>
    `<circle cx="${X + side * mouthWidth * 0.82}" cy="60" r="4.5" fill="${tint}" opacity="0.35"/>`;
  return cheek(-1) + cheek(1);
}

function eye(traits: FaceTraits, { eyesOpen }: FacePose, side: number): string {
  const { eyeSpacing, eyeSize, eyeHeight, eyeSlant, iris, shade } = traits;
  const x = X + (side * eyeSpacing) / 2;
  const tall = eyeSize * 0.62 * eyesOpen;
  return `<g transform="rotate(${side * eyeSlant} ${x} ${eyeHeight})">
    <ellipse cx="${x}" cy="${eyeHeight}" rx="${eyeSize}" ry="${tall}" fill="#f7f4ef" stroke="${shade}" stroke-width="0.8"/>
    <circle cx="${x}" cy="${eyeHeight}" r="${Math.min(eyeSize * 0.5, tall)}" fill="${iris}"/>
    <circle cx="${x}" cy="${eyeHeight}" r="${Math.min(eyeSize * 0.22, tall)}" fill="#000"/>
    <path d="M${x - eyeSize} ${eyeHeight} Q${x} ${eyeHeight - 2 * tall} ${x + eyeSize} ${eyeHeight}" fill="none" stroke="#241812" stroke-width="0.9"/>
  </g>`;
}

function brow(traits: FaceTraits, { browRaise }: FacePose, side: number): string {
  const { eyeSpacing, eyeSize, eyeHeight, browThickness, browAngle, browLift, hair } = traits;
  const x = X + (side * eyeSpacing) / 2;
  const y = eyeHeight - browLift - browRaise;
  const wide = eyeSize * 1.25;
  return `<path transform="rotate(${side * browAngle} ${x} ${y})" d="M${x - wide} ${y + 1} Q${x} ${y - 2.2} ${x + wide} ${y + 1}"
    fill="none" stroke="${mix(hair, '#1a120c', 0.4)}" stroke-width="${browThickness}" stroke-linecap="round"/>`;
}

function nose({ noseWidth, noseLength, eyeHeight, shade }: FaceTraits, { yaw }: FacePose): string {
  const half = noseWidth / 2;
  const y = eyeHeight + noseLength;
  const x = X + yaw * 0.4;
  return `<path d="M${x - half * 0.3} ${eyeHeight + 1} Q${x - half * 0.5} ${y - 4} ${x - half} ${y} Q${x} ${y + 2.6} ${x + half} ${y}"
    fill="none" stroke="${shade}" stroke-width="1.2" stroke-linecap="round"/>
    <ellipse cx="${x - half * 0.5}" cy="${y + 0.3}" rx="0.9" ry="0.6" fill="${shade}"/>
    <ellipse cx="${x + half * 0.5}" cy="${y + 0.3}" rx="0.9" ry="0.6" fill="${shade}"/>`;
}

function mouth({ mouthWidth, lipThickness, mouthHeight, skin }: FaceTraits, { smile, mouthOpen }: FacePose): string {
  const half = (mouthWidth / 2) * (1 + 0.12 * smile);
  const y = mouthHeight - smile;
  const bend = y + 3.4 * smile;
  const lips = mix(skin, '#9b2d30', 0.55);
  const opened = `M${X - half} ${y} Q${X} ${bend - mouthOpen * 0.4} ${X + half} ${y} Q${X} ${bend + 2 * mouthOpen} ${X - half} ${y}Z`;
  return `<path d="${opened}" fill="#4a1518" stroke="${lips}" stroke-width="${lipThickness}" stroke-linejoin="round"/>
    <path d="M${X - half} ${y} Q${X} ${bend} ${X + half} ${y}" fill="none" stroke="${mix(lips, '#000000', 0.35)}" stroke-width="0.7"/>`;
}

function beard(traits: FaceTraits): string {
  const { beard: kind, hair, mouthWidth, mouthHeight, headWidth } = traits;
  const half = mouthWidth / 2 + 1.5;
  const bottom = chin(traits);
  const moustache = `<path d="M${X - half} ${mouthHeight - 1} Q${X} ${mouthHeight - 8} ${X + half} ${mouthHeight - 1} Q${X} ${mouthHeight - 3} ${X - half} ${mouthHeight - 1}Z" fill="${hair}"/>`;
  const goatee = `<path d="M${X - half * 0.7} ${mouthHeight + 2} H${X + half * 0.7} L${X + half * 0.4} ${bottom} Q${X} ${bottom + 3} ${X - half * 0.4} ${bottom}Z" fill="${hair}"/>`;
  const side = headWidth * 0.42;
  const full = `<path d="M${X - side} 58 Q${X - half} ${mouthHeight - 7} ${X} ${mouthHeight - 4} Q${X + half} ${mouthHeight - 7} ${X + side} 58 Q${X + side} ${bottom - 2} ${X} ${bottom + 2} Q${X - side} ${bottom - 2} ${X - side} 58Z" fill="${hair}"`;
  const shapes = {
    none: '',
    moustache,
    goatee: moustache + goatee,
    full: `${full}/>`,
    stubble: `${full} opacity="0.28"/>`,
  };
  return shapes[kind];
}

function glasses({ glasses: kind, eyeSpacing, eyeHeight, headWidth }: FaceTraits): string {
  if (kind === 'none') return '';
  const reach = Math.min(8, eyeSpacing / 2 - 1.2);
  const lens = (side: number) => {
    const x = X + (side * eyeSpacing) / 2;
    return kind === 'round'
      ? `<circle cx="${x}" cy="${eyeHeight}" r="${reach}"/>`
      : `<rect x="${x - reach}" y="${eyeHeight - reach * 0.72}" width="${2 * reach}" height="${1.5 * reach}" rx="1.2"/>`;
  };
  const bow = (side: number) =>
    `<path d="M${X + side * (eyeSpacing / 2 + reach)} ${eyeHeight - 1} L${X + (side * headWidth) / 2} ${eyeHeight - 2}"/>`;
  const bridge = `<path d="M${X - eyeSpacing / 2 + reach} ${eyeHeight} Q${X} ${eyeHeight - 2} ${X + eyeSpacing / 2 - reach} ${eyeHeight}"/>`;
  return `<g fill="#ffffff" fill-opacity="0.12" stroke="#15151a" stroke-width="1.3">${lens(-1)}${lens(1)}${bow(-1)}${bow(1)}${bridge}</g>`;
}

const mole = ({ mole: at }: FaceTraits) => (at ? `<circle cx="${at.x}" cy="${at.y}" r="1.1" fill="#3b2218"/>` : '');

function hairBehind(traits: FaceTraits): string {
  const { hairStyle, hair, headWidth } = traits;
  const half = headWidth / 2;
  if (hairStyle === 'long')
    return `<path d="M${X - half - 5} 84 Q${X - half - 8} ${top(traits) - 12} ${X} ${top(traits) - 7} Q${X + half + 8} ${top(traits) - 12} ${X + half + 5} 84Z" fill="${hair}"/>`;
  if (hairStyle !== 'curly') return '';
  const curls = Array.from({ length: 13 }, (_, index) => {
    const angle = Math.PI * (1.08 - (1.16 * index) / 12);
    return `<circle cx="${X + Math.cos(angle) * (half + 1)}" cy="${Y - 6 - Math.sin(angle) * (traits.headHeight / 2 - 4)}" r="7"/>`;
  });
  return `<g fill="${hair}">${curls.join('')}</g>`;
}

/** How deep the hair comes down over the forehead in the middle, and at the temples. */
const HAIRLINES = {
  bald: null,
  short: [8, 20],
  parted: [9, 22],
  long: [9, 24],
  curly: [9, 16],
  fringe: [15, 22],
  receding: [2, 18],
} as const;

function hairInFront(traits: FaceTraits, { yaw }: FacePose): string {
  const line = HAIRLINES[traits.hairStyle];
  if (line === null) return '';
  const [middle, temple] = line;
  const half = traits.headWidth / 2 + 0.8;
  const peak = top(traits);
  const parting = traits.hairStyle === 'parted' ? -9 : 0;
  return `<path d="M${X - half} ${peak + temple} C${X - half - 1} ${peak - 8} ${X + half + 1} ${peak - 8} ${X + half} ${peak + temple}
    Q${X + half * 0.8} ${peak + middle + 1} ${X + parting + yaw} ${peak + middle - (parting ? 4 : 0)}
    Q${X - half * 0.8} ${peak + middle + 1} ${X - half} ${peak + temple}Z" fill="${traits.hair}"/>`;
}
