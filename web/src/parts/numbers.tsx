import { type Quantity, rate, volume } from "../format";
import { useSettings } from "../settings";

/** A number with its unit set smaller. */
function Shown({ quantity, className = "" }: { quantity: Quantity; className?: string }) {
  return (
    <span className={`num whitespace-nowrap ${className}`}>
      <span className={quantity.value === "0" ? "font-normal text-muted" : ""}>{quantity.value}</span>
      {quantity.unit !== "" && (
        <span className="unit ml-[0.25em] text-[0.8em] font-normal text-muted">{quantity.unit}</span>
      )}
    </span>
  );
}

/** A rate in kbit/s; negative is "not known". */
export function Rate({ kbit, className }: { kbit: number; className?: string }) {
  const unit = useSettings((s) => s.unit);
  return <Shown quantity={rate(kbit, unit)} className={className} />;
}

export function Volume({ bytes, className }: { bytes: number; className?: string }) {
  return <Shown quantity={volume(bytes)} className={className} />;
}
