import {
  Camera,
  CircleHelp,
  Gamepad2,
  HardDrive,
  Laptop,
  type LucideIcon,
  Monitor,
  Printer,
  Router,
  Smartphone,
  Speaker,
  Tablet,
  Thermometer,
  Tv,
  Watch,
} from "lucide-react";
import type { Device } from "../contract";
import { useSettings } from "../settings";

const ICONS: Record<string, LucideIcon> = {
  phone: Smartphone,
  tablet: Tablet,
  laptop: Laptop,
  computer: Monitor,
  desktop: Monitor,
  tv: Tv,
  console: Gamepad2,
  nas: HardDrive,
  server: HardDrive,
  printer: Printer,
  camera: Camera,
  speaker: Speaker,
  sensor: Thermometer,
  watch: Watch,
  router: Router,
};

export function DeviceIcon({ kind }: { kind: string }) {
  const Icon = ICONS[kind] ?? CircleHelp;
  return <Icon size={18} strokeWidth={1.75} aria-hidden className="shrink-0 text-muted" />;
}

/** The newest IPv4 address, or whatever there is. */
export function addressOf(device: Pick<Device, "addresses" | "mac" | "id">): string {
  return device.addresses.findLast((a) => a.includes(".")) ?? device.addresses.at(-1) ?? device.mac ?? device.id;
}

/** A name, or its address where a person asked for those; blurred where names are hidden. */
export function DeviceName({ device, className = "" }: { device: Device; className?: string }) {
  const addresses = useSettings((s) => s.addresses);
  return (
    <span data-private className={`truncate ${addresses ? "font-mono text-[0.94em]" : ""} ${className}`}>
      {addresses ? addressOf(device) : device.name || addressOf(device)}
    </span>
  );
}
