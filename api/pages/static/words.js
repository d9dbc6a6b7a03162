/** Messages are written for every way in; those that name an option of the command name the page's own here. */

const WORDS = [
  [/ Give --type;.*$/s, " Choose the type of the records."],
  [/: give --type\./, ": choose the type of the records."],
  [/leave the other out with --map "(.*)="/, "choose “Leave out” for the column $1"],
  [/name one with --map ".*?", or give a value for all rows with --set \S+=VALUE/, "choose the column that holds it, or give a value for every row"],
  [/give --format (\w+)/, "choose the format $1"],
  [/--format/, "“Format”"],
  [/--encoding( \w+)?/, "“Encoding”$1"],
  [/--header-row/, "“Header row”"],
  [/--records, such as --records (\S+)\./, "“List in JSON”, such as $1."],
  [/--records/, "“List in JSON”"],
  [/name it with --sheet to read it/, "choose its type to read it"],
  [/; name another with --sheet/, ""],
  [/--no-header/, "“The first row is a record”"],
  [/--columns/, "“Names of the columns”"],
  [/--decimal-comma/, "“Decimals begin with a comma”"],
  [/--thousands( CHAR)?/, "“Thousands are grouped by”"],
  [/--null( WORD)?/, "“Words for an empty cell”"],
  [/--sheet/, "“Sheets of the workbook”"],
  [/--delimiter/, "“Delimiter”"],
  [/with --stale overwrite/, "with “Is written over”"],
  [/Correct it, or leave it out with --without-rule \S+/, "Whoever keeps the rules has to correct it."],
  [/; see `cmdb [^`]*`/, ""],
  [/; `cmdb approve [^`]*` applies exactly this plan\./, "."],
  [/: plan again, or apply with --moved skip to leave them out, or --moved rebase to plan them again\./, "."],
];

/** A message as the page says it. */
export const plain = (text) => WORDS.reduce((said, [pattern, words]) => said.replace(pattern, words), text ?? "");
