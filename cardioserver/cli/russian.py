"""Russian for the texts of the command's help. A test knows if one is missing."""

from __future__ import annotations

HELP: dict[str, str] = {
    "Language of messages. Without it: by LC_ALL, LC_MESSAGES, LANG.": (
        "Язык сообщений. Без параметра: по LC_ALL, LC_MESSAGES, LANG."
    ),
    "Show the version and exit.": "Показать версию и выйти.",
    "Cardioserver: an ECG archive server, its administration and its client.": (
        "Кардиосервер: сервер архива ЭКГ, его администрирование и клиент."
    ),
    "Where to put the data. Without it: a folder that is removed, or demo with --keep.": (
        "Куда положить данные. Без параметра — папка, которая потом удаляется, а с --keep — demo."
    ),
    "Leave the server running on port 48004 and print the login.": (
        "Оставить сервер работать на порту 48004 и показать логин."
    ),
    "Start a server, store a real ECG in it, read it back and compare, have it interpreted and printed.": (
        "Запустить сервер, сохранить в нём настоящую ЭКГ, прочитать обратно, сравнить, интерпретировать и "
        "напечатать."
    ),
    "On this machine, with SQLite and the bank in the data directory.": (
        "На этой машине, с SQLite и кардиобанком в каталоге данных."
    ),
    "Configuration, config.json. Without it: defaults for everything.": (
        "Настройки, config.json. Без них всё по умолчанию."
    ),
    "Data directory; storage by default.": "Каталог данных; по умолчанию storage.",
    "Directory of the log; logs by default.": "Каталог журнала; по умолчанию logs.",
    "Address to listen on, in place of the one in the configuration.": (
        "Адрес для приёма подключений вместо указанного в настройках."
    ),
    "Port to listen on, in place of the configured one; 0: a free one.": (
        "Порт для приёма подключений вместо указанного в настройках; 0 — свободный."
    ),
    "Start the server in the background and wait until it listens.": (
        "Запустить сервер в фоне и дождаться, пока он начнёт принимать подключения."
    ),
    "Stop the background server; it finishes its requests first.": (
        "Остановить фоновый сервер; сначала он закончит запросы."
    ),
    "Print JSON instead of a table.": "Вывести JSON вместо таблицы.",
    "Tell whether the background server runs; exit status 6 if not.": (
        "Показать, работает ли фоновый сервер; если нет, код возврата 6."
    ),
    "Address to listen on.": "Адрес для приёма подключений.",
    "Port to listen on; 0: a free one.": "Порт для приёма подключений; 0 — свободный.",
    "Interpretations at once.": "Сколько интерпретаций одновременно.",
    "Requests that may wait; beyond, the answer is 503.": (
        "Сколько запросов может ждать; сверх того — ответ 503."
    ),
    "Most time for a short ECG; long ones get more.": (
        "Предел времени для короткой ЭКГ; для длинных он больше."
    ),
    "Most memory for a short ECG; long ones get more.": (
        "Предел памяти для короткой ЭКГ; для длинных он больше."
    ),
    "Largest request.": "Наибольший запрос.",
    "When a connection without a request is closed.": "Когда закрывать соединение без запроса.",
    "PEM file: certificate, then its chain; speaks TLS.": "Файл PEM: сертификат и цепочка; включает TLS.",
    "PEM file: its private key, if not in there too.": "Файл PEM: закрытый ключ, если он не там же.",
    "PEM file: authorities of clients, who must show a certificate.": (
        "Файл PEM: удостоверяющие центры клиентов; сертификат клиента обязателен."
    ),
    "Log; without it standard error.": "Журнал; без параметра — стандартный поток ошибок.",
    "Interpret ECGs for other servers until SIGTERM or Ctrl+C. Servers send signal, sex, age, height and "
    "weight, and nothing else.": (
        "Интерпретировать ЭКГ для других серверов до SIGTERM или Ctrl+C. Серверы передают сигнал, пол, "
        "возраст, рост и вес и больше ничего."
    ),
    "Data directory. Without it: that of the configuration, or storage.": (
        "Каталог данных. Без параметра: из настроек или storage."
    ),
    "Run the server until SIGTERM or Ctrl+C.": "Работать сервером до SIGTERM или Ctrl+C.",
    "ECG files, or numbers or UUIDs of exams at the server.": (
        "Файлы ЭКГ либо номера или UUID обследований на сервере."
    ),
    "Print the document as JSON; of several ECGs one a line.": (
        "Вывести документ в JSON; для нескольких ЭКГ — по одному в строке."
    ),
    "Language of the report. Without it: that of messages.": "Язык отчёта. Без параметра: язык сообщений.",
    "Draw the average beats and their waves, too; .png, .jpeg or .pdf.": (
        "Нарисовать ещё и усреднённые комплексы с их зубцами; .png, .jpeg или .pdf."
    ),
    "Age.": "Возраст.",
    "Height.": "Рост.",
    "Weight.": "Вес.",
    "Analyse ECGs of files or of the archive: beats, waves, measurements, statements. What the options say "
    "of the person replaces what is known. An ECG that cannot be analysed is reported; the others go on, and "
    "the exit status tells.": (
        "Проанализировать ЭКГ из файлов или из архива: комплексы, зубцы, измерения, утверждения. Сказанное "
        "о человеке в параметрах заменяет известное. Об ЭКГ, которую нельзя проанализировать, сообщается; "
        "остальные анализируются, код возврата показывает итог."
    ),
    "ECG files: WFDB (.hea) or DICOM waveforms.": "Файлы ЭКГ: WFDB (.hea) или DICOM.",
    "An ECG file, or number or UUID of an exam at the server.": (
        "Файл ЭКГ либо номер или UUID обследования на сервере."
    ),
    "Where to write; .pdf, .png or .jpeg.": "Куда записать: .pdf, .png или .jpeg.",
    "Rows and columns of the leads.": "Строки и столбцы отведений.",
    "Order of the limb leads; else by the exam.": (
        "Порядок отведений от конечностей; без параметра — по типу обследования."
    ),
    "Lead of a rhythm strip below the columns; may be repeated.": (
        "Отведение для полосы ритма под столбцами; можно указать несколько раз."
    ),
    "Paper speed, mm/s.": "Скорость ленты, мм/с.",
    "mm/mV. Without it 10, or less if the traces would not fit.": (
        "Усиление, мм/мВ. Без параметра 10 или, если кривые не помещаются, меньше."
    ),
    "Of daplf,drift,tremor, with commas between them; or none.": (
        "Фильтры из daplf,drift,tremor через запятую; или none — без фильтров."
    ),
    "Mains that daplf removes, Hz.": "Частота сети, которую убирает daplf, Гц.",
    "Language of the page. Without it: that of messages.": "Язык страницы. Без параметра — язык сообщений.",
    "A4 upright.": "A4 вертикально.",
    "Only this part; may be repeated. Without it: all.": (
        "Только эта часть; можно указать несколько раз. Без параметра — все."
    ),
    "Where in the recording the first page begins.": "С какой секунды записи начинается первая страница.",
    "Dots an inch of pictures.": "Точек на дюйм в картинках.",
    "Picture of a stamp, PNG or JPEG, beside the doctor's conclusion.": (
        "Изображение печати (PNG или JPEG) рядом с заключением врача."
    ),
    "Print an ECG to a file: PDF, or pictures of its pages. A file is analysed on the spot; of an exam at a "
    "server the automatic report and the conclusions are read. Of several pages the first picture gets the "
    "name that was given, the others NAME-2, NAME-3 and so on.": (
        "Напечатать ЭКГ в файл: PDF или картинки страниц. ЭКГ из файла анализируется на месте; для "
        "обследования на сервере читаются автоматический анализ и заключения. Если страниц несколько, первая "
        "картинка получает указанное имя, остальные — ИМЯ-2, ИМЯ-3 и так далее."
    ),
    "When it was recorded, if the file does not say.": "Когда снято, если в файле этого нет.",
    "Archive; without it the HCF's default.": "Архив; без параметра — архив учреждения по умолчанию.",
    "Device number.": "Номер прибора.",
    "Accession number of the order it fulfils.": "Номер направления, по которому снято.",
    "Comment.": "Комментарий.",
    "The patient's number at your HCF.": "Номер пациента в вашем учреждении.",
    "Family name.": "Фамилия.",
    "Personal name.": "Имя.",
    "Patronymic.": "Отчество.",
    "Birthday, e.g. 1961-04-12.": "Дата рождения, например 12.04.1961.",
    "Sex.": "Пол.",
    "Passport.": "Паспорт.",
    "Insurance policy.": "Полис.",
    "Number of the pension insurance (SNILS).": "СНИЛС.",
    "Address.": "Адрес.",
    "Phone.": "Телефон.",
    "Address of the server.": "Адрес сервера.",
    "Port of the server.": "Порт сервера.",
    "Account to log in with.": "Учётная запись для входа.",
    "File whose first line is the password. Without it: CARDIOSERVER_PASSWORD, or a prompt.": (
        "Файл, первая строка которого — пароль. Без параметра: CARDIOSERVER_PASSWORD или запрос."
    ),
    "Encrypt the connection.": "Шифровать соединение.",
    "PEM file of the authority that signed the server's certificate; implies --tls.": (
        "Файл PEM удостоверяющего центра, подписавшего сертификат сервера; включает --tls."
    ),
    "Send ECG files to a server. What the options say of the patient replaces what is in the files. "
    "The exam's UUID is made from the samples and the patient's number: sending a file twice stores one "
    "exam. A file that cannot be sent is reported; the others go on, and the exit status tells.": (
        "Передать файлы ЭКГ на сервер. Данные пациента из параметров заменяют данные из файлов. "
        "UUID обследования получается из отсчётов и номера пациента: файл, переданный дважды, "
        "сохраняется один раз. О файле, который передать нельзя, сообщается; остальные передаются, "
        "код возврата показывает итог."
    ),
    "Exams: find them, read their metadata and samples.": (
        "Обследования: поиск, чтение описаний и отсчётов."
    ),
    "Only of the patient with this number.": "Только пациента с этим номером.",
    "Beginning of the patient's family name.": "Начало фамилии пациента.",
    "From this time on, e.g. 2026-11-21T08:30.": "Начиная с этого времени, например 2026-11-21T08:30.",
    "Before this time.": "До этого времени.",
    "Only of this HCF.": "Только этого учреждения.",
    "Only of this archive.": "Только этого архива.",
    "Only by the device with this number.": "Только снятые прибором с этим номером.",
    "Only of this order.": "Только по этому направлению.",
    "Only with, or only without.": "Только с заключением или только без него.",
    "Only what was sent to us for consultation.": "Только присланные нам на консультацию.",
    "Most rows to show.": "Наибольшее число строк.",
    "List exams, newest first.": "Показать обследования, новые первыми.",
    "Number or UUID of the exam.": "Номер или UUID обследования.",
    "Show an exam's metadata, the newest machine interpretation and the conclusions.": (
        "Показать описание обследования, последнюю машинную интерпретацию и заключения."
    ),
    "Numbers or UUIDs of exams.": "Номера или UUID обследований.",
    "All exams this account reads, newest first.": (
        "Все обследования, доступные учётной записи, новые первыми."
    ),
    "How long to wait for a result before going on.": "Сколько ждать результата, прежде чем продолжить.",
    "Have exams interpreted anew; each result is another version of the exam's auto report. With --all, "
    "--since and --before choose by the time of recording. A few are asked for at a time, so that new exams "
    "do not wait behind them.": (
        "Интерпретировать обследования заново; каждый результат — новая версия машинной интерпретации. "
        "С --all параметры --since и --before отбирают по времени съёмки. Запрашивается по нескольку "
        "обследований сразу, чтобы новые не ждали."
    ),
    "Where to write; .csv, .npy or .raw.": "Куда записать; .csv, .npy или .raw.",
    "From this second on.": "Начиная с этой секунды.",
    "So many seconds; 0: to the end.": "Столько секунд; 0 — до конца.",
    "Only this lead; may be repeated.": "Только это отведение; можно указать несколько раз.",
    "Read an exam's samples and write them to a file. CSV holds a time column in seconds and µV for each "
    "lead; NPY an array of counts, leads by samples; RAW the little-endian counts, lead after lead, as on "
    "the wire.": (
        "Прочитать отсчёты обследования и записать в файл. В CSV — столбец времени в секундах и мкВ каждого "
        "отведения; в NPY — массив отсчётов, отведения × отсчёты; в RAW — отсчёты с младшим байтом впереди, "
        "отведение за отведением, как при передаче."
    ),
    "Orders: the worklist of ECGs to record.": "Направления: список ЭКГ, которые надо снять.",
    "Its accession number. Without it the server makes one.": (
        "Номер направления. Без параметра его создаст сервер."
    ),
    "When to record it.": "Когда снять.",
    "Only for the device with this number.": "Только для прибора с этим номером.",
    "A word to who records it.": "Указание тому, кто снимает.",
    "Order an ECG.": "Направить на ЭКГ.",
    "Only in this status.": "Только в этом состоянии.",
    "Only with this accession number.": "Только с этим номером направления.",
    "List orders by their schedule.": "Показать направления по времени.",
    "Number of the order, from `order list`.": "Номер из `order list`.",
    "Reserve an order for this account.": "Взять направление в работу.",
    "Give a taken order back.": "Вернуть взятое направление.",
    "Accounts: people and devices that log in.": "Учётные записи: люди и приборы.",
    "Login of the account.": "Логин учётной записи.",
    "What it may do.": "Что ей разрешено.",
    "The HCF it belongs to, from `hcf list`.": "Её учреждение, из `hcf list`.",
    "Name for people.": "Имя для людей.",
    "Add an account.": "Добавить учётную запись.",
    "List accounts.": "Показать учётные записи.",
    "Give an account another password; its sessions end.": (
        "Дать учётной записи другой пароль; её сеансы завершатся."
    ),
    "Let an account log in no more; its sessions end.": (
        "Запретить вход учётной записи; её сеансы завершатся."
    ),
    "Let a disabled account log in again.": "Снова разрешить вход.",
    "Forget the failed logins of an account, so that nobody has to wait any more.": (
        "Забыть неудачные попытки входа, чтобы больше не ждать."
    ),
    "Healthcare facilities (HCF).": "Учреждения.",
    "Its name.": "Название.",
    "Code of its municipality (OKTMO).": "Код муниципального образования (ОКТМО).",
    "Name of its first archive, which becomes the default.": (
        "Название первого архива, он станет архивом по умолчанию."
    ),
    "Add an HCF, with a first archive if one is named.": (
        "Добавить учреждение и, если назван, его первый архив."
    ),
    "List all HCFs.": "Показать все учреждения.",
    "Number of the HCF, from `hcf list`.": "Номер учреждения из `hcf list`.",
    "Give an HCF another name.": "Переименовать учреждение.",
    "Archives: named collections of exams within an HCF.": (
        "Архивы: именованные собрания обследований в учреждении."
    ),
    "Add an archive; an HCF's first one becomes its default.": (
        "Добавить архив; первый в учреждении становится архивом по умолчанию."
    ),
    "List archives.": "Показать архивы.",
    "Number of the archive, from `archive list`.": "Номер архива из `archive list`.",
    "Give an archive another name.": "Переименовать архив.",
    "Make an archive the one where its HCF's exams go that name none.": (
        "Сделать архив тем, куда попадают обследования учреждения без указания архива."
    ),
    "Devices: recorders by their numbers.": "Приборы: регистраторы по номерам.",
    "Device number, as in its exams.": "Номер прибора, как в его обследованиях.",
    "Name for people, e.g. where it stands.": "Имя для людей, например место установки.",
    "Add a device to an HCF.": "Добавить прибор учреждению.",
    "List devices.": "Показать приборы.",
    "From `device list`.": "Номер из `device list`.",
    "Give a device another name.": "Переименовать прибор.",
    "Patients: find, merge, unmerge.": "Пациенты: поиск, объединение, разъединение.",
    "The patient's number.": "Номер пациента.",
    "Beginning of the family name.": "Начало фамилии.",
    "Beginning of the personal name.": "Начало имени.",
    "Birthday.": "Дата рождения.",
    "Find patients by number, name, birthday or SNILS.": (
        "Найти пациентов по номеру, имени, дате рождения или СНИЛС."
    ),
    "Who turned out to be …": "Пациент, который оказался …",
    "… this patient.": "… этим пациентом.",
    "Make all exams and orders of one patient another one's. `unmerge` takes it back.": (
        "Передать все обследования и направления одного пациента другому. `unmerge` отменяет это."
    ),
    "Only of this patient.": "Только этого пациента.",
    "List merges.": "Показать объединения.",
    "From `patient merges`.": "Номер из `patient merges`.",
    "Take a merge back: each patient has their own exams and orders again.": (
        "Отменить объединение: у каждого пациента снова свои обследования и направления."
    ),
    "The audit journal: who did what, when and from where.": "Журнал аудита: кто, что, когда и откуда делал.",
    "Only of this account.": "Только этой учётной записи.",
    "Only from this address; `local`: from this machine.": (
        "Только с этого адреса; `local` — с этой машины."
    ),
    "Only this action, e.g. login, get_signal.": "Только это действие, например login, get_signal.",
    "Only what failed.": "Только неудачные.",
    "Only about this patient and their exams.": "Только об этом пациенте и его обследованиях.",
    "Only about this exam.": "Только об этом обследовании.",
    "List entries of the journal, newest first.": "Показать записи журнала, новые первыми.",
    "Deliveries: documents owed to other systems.": "Доставки: документы для других систем.",
    "Only in this status; may be repeated. Without it: all that are not ended.": (
        "Только в этом состоянии; можно указать несколько раз. Без параметра: все незавершённые."
    ),
    "Only to this exporter, by its name in the configuration.": (
        "Только этому получателю, по имени в настройках."
    ),
    "Only of this exam.": "Только этого обследования.",
    "List deliveries, oldest first.": "Показать доставки, старые первыми.",
    "Numbers from `delivery list`.": "Номера из `delivery list`.",
    "All that are dead or waiting.": "Все неудавшиеся и ожидающие.",
    "Have dead deliveries tried again, and waiting ones at once.": (
        "Отправить снова неудавшиеся, а ожидающие — сразу."
    ),
    "Give up dead and waiting deliveries; later ones of the same exams can then go.": (
        "Отменить неудавшиеся и ожидающие; следующие по тем же обследованиям смогут уйти."
    ),
    "The cardiobank: verify its files, rebuild the database from them.": (
        "Кардиобанк: проверка файлов, восстановление базы данных по ним."
    ),
    "Do not compare with the database.": "Не сравнивать с базой данных.",
    "Read every file of the bank and report each that is damaged or missing. The server may run meanwhile.": (
        "Прочитать все файлы банка и сообщить о каждом повреждённом или пропавшем. Сервер может работать."
    ),
    "Bring everything in the bank into the database; what is there already stays as it is. "
    "Accounts come back disabled and without a password: give each one with `account passwd` and enable "
    "it.": (
        "Внести в базу данных всё, что есть в банке; уже имеющееся не меняется. Учётные записи возвращаются "
        "отключёнными и без пароля: задайте пароль командой `account passwd` и включите."
    ),
}
"""English help → Russian help."""

HEADINGS = {"Options": "Параметры", "Arguments": "Аргументы", "Commands": "Команды"}

EXTRAS = (
    (r"Show this message and exit\.", "Показать эту справку и выйти."),
    (r"\[(.*)env var: ", r"[\1переменная: "),
    (r"\[(.*)default: ", r"[\1по умолчанию: "),
    (r"\[(.*)required\]", r"[\1обязательно]"),
)
"""Patterns in the lines about options."""

USAGE = (
    (r"Missing argument '(.+?)'\.", r"Не указан аргумент \1."),
    (r"Missing option '(.+?)'\.", r"Не указан параметр \1."),
    (r"Missing command\.", "Не указана команда."),
    (r"No such option: (\S+)", r"Нет параметра \1"),
    (r"No such command '(.+?)'\.", r"Нет команды \1."),
    (r"Invalid value for '(.+?)': ", r"Недопустимое значение \1: "),
    (r"Invalid value: ", "Недопустимое значение: "),
    (r"Option '(.+?)' requires an argument\.", r"Параметру \1 нужно значение."),
    (r"Option '(.+?)' does not take a value\.", r"Параметр \1 не принимает значения."),
    (r"Got unexpected extra argument(?:s|\(s\))? \((.+)\)", r"Лишние аргументы: \1"),
)
"""What typer says of wrong arguments, as patterns → Russian."""

REASONS = (
    (r"'(.*?)' is not one of (.+)\.$", r"«\1»; допустимо одно из: \2."),
    (r"Input should be a valid integer.*$", "нужно целое число."),
    (r"Input should be a valid number.*$", "нужно число."),
    (r"Input should be greater than or equal to (\S+)$", r"нужно не меньше \1."),
    (r"Input should be less than or equal to (\S+)$", r"нужно не больше \1."),
)
"""Why a value is wrong, as patterns → Russian."""
