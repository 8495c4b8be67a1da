# A peer that answers without a database: what peer.go needs, not what is true.
printf '{"hello":"Fake 1.0"}\n'
while read -r request; do
  case $request in
  *'"op":"ask"'*nonsense*) printf '{"error":"no such column"}\n' ;;
  *'"op":"ask"'*rubbish*) printf 'rubbish\n' ;;
  *'"op":"ask"'*dies*) echo 'out of memory' >&2; exit 9 ;;
  *'"op":"ask"'*) printf '{"ms":1.5,"rows":[["api","9007199254740993",2.5,["x"],null]]}\n' ;;
  *'"op":"load"'*) printf '{"ms":2000}\n' ;;
  *'"op":"sizes"'*) printf '{"bytes":1234,"columns":{"time":34}}\n' ;;
  *'"op":"compress"'*) printf '{"bytes":99}\n' ;;
  *'"op":"close"'*) printf '{}\n'; exit 0 ;;
  *) printf '{}\n' ;;
  esac
done
