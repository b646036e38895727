// Imported before anything else: an hour before the machine's time, as after a clock that was wrong was corrected.
const now = Date.now.bind(Date);
Date.now = () => now() - 3_600_000;
