import { CLASSES } from "../classes";

/** The letter of a class on its colour. */
export function ClassLetter({ index, size = 18 }: { index: number; size?: number }) {
  const letter = CLASSES[index]?.letter ?? "–";
  return (
    <svg width={size} height={size} viewBox="0 0 18 18" aria-hidden="true" className="shrink-0">
      {CLASSES[index] === undefined ? (
        <rect x=".5" y=".5" width="17" height="17" rx="3.5" className="fill-none stroke-strong" strokeDasharray="2 2" />
      ) : index === 10 ? (
        // Unclassified is never a solid fill.
        <>
          <rect x=".5" y=".5" width="17" height="17" rx="3.5" className="fill-card" style={{ stroke: "var(--c10)" }} />
          <path d="M1 6 6 1M1 12 12 1M2 17 17 2M8 17l9-9M14 17l3-3" style={{ stroke: "var(--c10)" }} opacity=".45" />
        </>
      ) : (
        <>
          <rect width="18" height="18" rx="4" style={{ fill: `var(--c${index})` }} />
          <rect x="3.5" y="2.5" width="11" height="13" rx="2" style={{ fill: `var(--chip${index}, transparent)` }} />
        </>
      )}
      <text
        x="9"
        y="13"
        textAnchor="middle"
        fontSize="11.5"
        fontWeight="650"
        style={{ fill: CLASSES[index] === undefined || index === 10 ? "var(--text)" : `var(--on${index})` }}
      >
        {letter}
      </text>
    </svg>
  );
}

/** Colour, letter and word. */
export function ClassTag({ index }: { index: number }) {
  const trafficClass = CLASSES[index];
  return (
    <span className="inline-flex items-center gap-1.5 align-middle whitespace-nowrap">
      <ClassLetter index={index} />
      {trafficClass ? trafficClass.title : <span className="text-muted">–</span>}
    </span>
  );
}
