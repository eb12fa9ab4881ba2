import { type ReactNode, useEffect, useLayoutEffect, useRef } from "react";

/** A small card beside `anchor`; closes on Esc and on a click elsewhere, by the platform, and gives the focus back. */
export function Popover({
  anchor,
  label,
  onClose,
  children,
}: {
  anchor: HTMLElement | null;
  label: string;
  onClose: () => void;
  children: ReactNode;
}) {
  const card = useRef<HTMLDivElement>(null);
  const close = useRef(onClose);
  close.current = onClose;

  useLayoutEffect(() => {
    const element = card.current;
    if (!element) return;
    const place = () => {
      const gap = 8;
      const at = anchor?.getBoundingClientRect() ?? new DOMRect(gap, gap, 0, 0);
      const { width, height } = element.getBoundingClientRect();
      const left = Math.max(gap, Math.min(at.left, window.innerWidth - width - gap));
      const below = at.bottom + gap;
      const top = below + height > window.innerHeight - gap ? Math.max(gap, at.top - height - gap) : below;
      element.style.left = `${left}px`;
      element.style.top = `${top}px`;
    };
    element.showPopover();
    place();
    const observer = new ResizeObserver(place);
    observer.observe(element);
    window.addEventListener("scroll", place, true);
    window.addEventListener("resize", place);
    return () => {
      observer.disconnect();
      window.removeEventListener("scroll", place, true);
      window.removeEventListener("resize", place);
    };
  }, [anchor]);

  useEffect(() => {
    const element = card.current;
    const first = element?.querySelector<HTMLElement>("[data-first], input:checked, button, input");
    first?.focus();
    return () => {
      if (anchor?.isConnected) anchor.focus({ preventScroll: true });
    };
  }, [anchor]);

  return (
    <div
      ref={card}
      popover="auto"
      role="dialog"
      aria-label={label}
      className="fixed m-0 w-80 max-w-[calc(100vw-1rem)] rounded-card border border-line bg-raised p-4 text-text shadow-float"
      onToggle={(event) => {
        if (event.newState === "closed") close.current();
      }}
    >
      {children}
    </div>
  );
}
