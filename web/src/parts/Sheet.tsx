import { X } from "lucide-react";
import { type ReactNode, useEffect, useId, useRef } from "react";
import { words } from "../words";

/**
 * A dialog: a card in the middle, or a sheet at the right that rises from the bottom on a phone.
 * The platform's own `<dialog>` keeps the focus inside and gives it back.
 */
export function Sheet({
  title,
  kind,
  onClose,
  children,
}: {
  title: ReactNode;
  kind: "middle" | "side";
  onClose: () => void;
  children: ReactNode;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  const place =
    kind === "middle"
      ? "m-auto w-[min(28rem,calc(100vw-2rem))] rounded-card"
      : "mt-auto mb-0 mx-0 w-full max-w-none max-h-[88dvh] rounded-t-card sm:m-0 sm:ml-auto sm:h-dvh sm:max-h-none sm:w-[26rem] sm:rounded-none";
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: a click on the backdrop; with the keyboard Esc closes, by the platform
    <dialog
      ref={dialog}
      aria-labelledby={id}
      className={`${place} overflow-auto border border-line bg-raised p-0 text-text shadow-float`}
      onCancel={onClose}
      onClose={onClose}
      onClick={(event) => {
        if (event.target === dialog.current) onClose();
      }}
    >
      <div className="p-4 pb-[max(1rem,env(safe-area-inset-bottom))]">
        <header className="mb-3 flex items-start gap-3">
          <h2 id={id} className="min-w-0 flex-1 text-h2 leading-snug">
            {title}
          </h2>
          <button type="button" className="control -mr-1 w-8 border-transparent bg-transparent px-0" onClick={onClose}>
            <X size={18} aria-hidden />
            <span className="sr-only">{words.user.close}</span>
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
