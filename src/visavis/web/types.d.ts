// Types that several modules share. For editors and `tsc --checkJs`; never served.

import type { Camera, Photo } from "./camera.js";
import type { Papers } from "./document.js";
import type { Words } from "./words.js";

/** A session as the service tells it to its client; codes are handed out once. */
export interface Capture {
  id: string;
  kind: "verification_session" | "enrolment";
  status: "requires_input" | "processing" | "verified" | "enrolled" | "canceled" | "expired";
  purpose: string;
  against: "subject" | "credential" | "upload" | "document" | null;
  document: { authenticity: string; expired_accepted: boolean; fields: string[] } | null;
  liveness?: "required" | "not_checked";
  alternatives?: string[];
  transaction: { amount: string; currency: string; payee: string } | null;
  evidence: { text: string; locale: string; retention_days: number } | null;
  return_url: string | null;
  attempts_left: number;
  last_error: string | null;
  codes?: { name: string; text: string; png: string }[];
}

/** Why something did not work. after: seconds until it may be tried again. attempt: whether an attempt was made and others are left. */
export interface Failure {
  code: string;
  after: number;
  attempt: boolean;
  again: (() => void) | null;
}

/** All that a stage is made from. live: whether a live capture is asked for. way: an alternative that the person chose. agreed: that photos
 * are kept. spoken: whether instructions are. faulty: what is wrong with the photos of a name, by keys of messages. papers: in sessions about a
 * document. */
export interface View {
  words: Words;
  camera: Camera;
  asked: Capture;
  live: boolean;
  way: string | null;
  photos: Map<string, Photo[]>;
  faulty: Map<string, string[]>;
  papers?: Papers | null;
  agreed: boolean;
  spoken: boolean;
  notice: string;
  failure: Failure;
}

/** Who is told what the service says during a capture. ended: by a fault, whose code is empty where the connection was lost. */
export interface Listener {
  ready(longSidePx: number): void;
  guidance(code: string, progress: number): void;
  done(capture: Capture): void;
  ended(code: string, retryAfterS: number): void;
}
