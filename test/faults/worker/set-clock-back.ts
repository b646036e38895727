// Sets the clock an hour behind the machine's, as after a wrong clock was corrected. It must be imported before all else.
const now = Date.now.bind(Date);
Date.now = () => now() - 3_600_000;
