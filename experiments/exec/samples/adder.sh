#!/bin/sh
# Adds two whole numbers: an exec runner. One JSON line in says what is wanted, JSON lines out say what came of it.
number() {  # the number at a key of the run's data
  printf '%s\n' "$line" | sed -n 's/.*"data":{[^}]*"'"$1"'":\(-\{0,1\}[0-9]*\).*/\1/p'
}

while IFS= read -r line; do
  a=$(number A) b=$(number B)
  question='{"role":"system","content":"Add the two numbers provided"},{"role":"user","content":"A: '$a' B: '$b'"}'
  case $line in
    *'"op":"setup"'*)
      printf '{"done":{"context":[%s]}}\n' "$question" ;;
    *'"op":"step"'*)
      printf '{"call":{"messages":[%s],"hint":{"answer":"%s","options":["%s","%s"]}}}\n' \
        "$question" "$((a + b))" "$((a + b))" "$((a + b + 1))"
      IFS= read -r reply
      case $reply in '{"error":'*) reply=${reply#'{"error":'}; printf '{"fail":%s\n' "$reply"; continue ;; esac
      text=$(printf '%s\n' "$reply" | sed 's/.*"text":"\(\([^"\\]\|\\.\)*\)".*/\1/')
      answer=$(printf '%s\n' "$text" | grep -o '[-]\{0,1\}[0-9][0-9]*' | tail -n 1)
      printf '{"done":{"answer":%s,"context":[%s,{"role":"assistant","content":"%s"}]}}\n' \
        "${answer:-null}" "$question" "$text" ;;
    *'"op":"evaluate"'*)
      answer=$(printf '%s\n' "$line" | sed -n 's/.*"answer":\(-\{0,1\}[0-9]*\),"state".*/\1/p')
      if [ "$answer" = "$((a + b))" ]; then score=CORRECT; else score=INCORRECT; fi
      printf '{"done":{"score":"%s"}}\n' "$score" ;;
    *) printf '{"unsupported":true}\n' ;;
  esac
done
