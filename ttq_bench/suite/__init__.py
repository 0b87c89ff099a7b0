"""From a suite file to trials with ids, in dependency order. Pure, and free of torch."""
