#!/bin/sh
# Installs Debian's PortAudio where it is missing and that can be done without asking; otherwise prints the line that does it.
# Never fails: without PortAudio Starling renders, and plays to the device `null`.
[ "$(uname -s)" = Linux ] || exit 0
ldconfig=$(command -v ldconfig || echo /sbin/ldconfig)
"$ldconfig" -p 2>/dev/null | grep -q libportaudio && exit 0
line="apt-get install -y libportaudio2"
if command -v apt-get >/dev/null 2>&1; then
  if [ "$(id -u)" = 0 ]; then
    echo "installing PortAudio: $line"
    { $line || { apt-get update && $line; }; } >/dev/null 2>&1 && exit 0
  elif sudo -n true 2>/dev/null; then
    echo "installing PortAudio: sudo $line"
    { sudo -n $line || { sudo -n apt-get update && sudo -n $line; }; } >/dev/null 2>&1 && exit 0
  fi
  echo "PortAudio is missing. To hear sound:  sudo $line"
else
  echo "PortAudio is missing. To hear sound, install your system's package for it (portaudio, libportaudio2)."
fi
exit 0
