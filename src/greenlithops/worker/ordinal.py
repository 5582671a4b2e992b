"""Which of its executor's workers this process is."""

number = 0  #: from 1 on, in the order of their starts; 0 in a program
