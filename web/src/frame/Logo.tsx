export function Logo({ size }: { size: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" className="shrink-0">
      <rect width="32" height="32" rx="7" fill="#0b5cad" />
      <g fill="none" stroke="#fff" strokeLinecap="round" strokeWidth="3">
        <path d="M7 11c4-4 6 3 10 0s4-3 8-1" />
        <path d="M7 17h18" opacity=".75" />
        <path d="M7 23h18" opacity=".5" />
      </g>
    </svg>
  );
}
